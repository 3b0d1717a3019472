#include "sdk/mcp/json_rpc.h"

#include <gtest/gtest.h>

namespace isa::sdk::mcp {
namespace {

std::string refusal(std::string_view text) {
  const auto frame = parse_frame(text);
  return frame ? "accepted" : frame.error().message();
}

TEST(JsonRpc, EachKindOfMessageIsToldApart) {
  EXPECT_EQ(parse_frame(R"({"jsonrpc":"2.0","method":"a"})")->kind, Frame::Kind::notification);
  EXPECT_EQ(parse_frame(R"({"jsonrpc":"2.0","id":"x","method":"a","params":{"b":1}})")->kind,
            Frame::Kind::request);
  const auto result = parse_frame(R"({"jsonrpc":"2.0","id":7,"result":{"ok":true}})");
  EXPECT_EQ(result->kind, Frame::Kind::result);
  EXPECT_TRUE(result->answers(7));
  EXPECT_FALSE(result->answers(8));
  const auto error =
      parse_frame(R"({"jsonrpc":"2.0","id":null,"error":{"code":-32600,"message":"no","data":[1]}})");
  EXPECT_EQ(error->kind, Frame::Kind::error);
  EXPECT_EQ(error->error.code, -32600);
  EXPECT_FALSE(error->answers(0));
}

TEST(JsonRpc, WhatIsNoMessageIsRefusedByName) {
  for (const char* text : {"",
                           "[]",
                           "1",
                           "{}",
                           R"({"jsonrpc":"1.0","method":"a"})",
                           R"({"jsonrpc":2.0,"method":"a"})",
                           R"({"jsonrpc":"2.0","method":1})",
                           R"({"jsonrpc":"2.0","method":""})",
                           R"({"jsonrpc":"2.0","method":"a","params":[1]})",
                           R"({"jsonrpc":"2.0","method":"a","id":1.5})",
                           R"({"jsonrpc":"2.0","method":"a","id":{}})",
                           R"({"jsonrpc":"2.0","id":1})",
                           R"({"jsonrpc":"2.0","result":{}})",
                           R"({"jsonrpc":"2.0","id":null,"result":{}})",
                           R"({"jsonrpc":"2.0","id":1,"error":{"code":1}})",
                           R"({"jsonrpc":"2.0","id":1,"error":{"code":"1","message":"m"}})",
                           R"({"jsonrpc":"2.0","id":1,"result":{},"error":{"code":1,"message":"m"}})",
                           R"([{"jsonrpc":"2.0","method":"a"}])",
                           R"({"jsonrpc":"2.0","id":1,"id":2,"method":"a"})"})
    EXPECT_NE(refusal(text), "accepted") << text;
  EXPECT_EQ(refusal(R"({"jsonrpc":"2.0","id":1})"),
            "no JSON-RPC 2.0 message: it has neither 'method', 'result' nor 'error'");
}

TEST(JsonRpc, AResultThatIsNoObjectIsTheErrorOfThatCall) {
  const auto frame = parse_frame(R"({"jsonrpc":"2.0","id":1,"result":1})");
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->answers(1));
  EXPECT_EQ(frame->kind, Frame::Kind::error);
  EXPECT_EQ(frame->error.message, "the result is no object");
}

TEST(JsonRpc, WhatIsWrittenReadsBackTheSame) {
  const auto request = parse_frame(request_text(3, "tools/call", {{"name", "a\nb"}}));
  EXPECT_EQ(request->kind, Frame::Kind::request);
  EXPECT_EQ(request->params.at("name").as_string(), "a\nb");
  EXPECT_EQ(request_text(3, "x", {{"name", "a\nb"}}).find('\n'),
            std::string::npos);  // One message, one line.
  EXPECT_EQ(parse_frame(notification_text("n", {}))->kind, Frame::Kind::notification);
  EXPECT_TRUE(parse_frame(result_text(3, {}))->answers(3));
  EXPECT_EQ(parse_frame(error_text("q", -1, "why"))->error.message, "why");
}

TEST(LineSplitter, LinesComeOutHoweverTheyWereCut) {
  const std::string stream = "one\r\n\n{\"two\":2}\nthree\nfour";
  for (std::size_t step = 1; step <= stream.size(); ++step) {
    LineSplitter lines;
    std::vector<std::string> got;
    for (std::size_t at = 0; at < stream.size(); at += step) {
      ASSERT_TRUE(lines.feed(std::string_view(stream).substr(at, step)));
      while (auto line = lines.next()) got.push_back(*line);
    }
    EXPECT_EQ(got, (std::vector<std::string>{"one", "{\"two\":2}", "three"})) << step;
  }
}

TEST(LineSplitter, ALineWithoutEndIsRefused) {
  LineSplitter lines(100);
  EXPECT_TRUE(lines.feed(std::string(100, 'x')));
  EXPECT_FALSE(lines.feed("x"));
}

}  // namespace
}  // namespace isa::sdk::mcp
