// The HTTP chat model against a server that answers as an OpenAI-compatible one does.
#include "sdk/http_chat_model.h"

#include "base/testing.h"
#include "net/server.h"
#include "sdk/openai_wire.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

struct Exchange {
  int status = 200;
  std::string type = "text/event-stream";
  std::string answer;
  net::Request asked;
  std::string streamed;  // What the sink saw of the text.
};

Task<Result<net::Response>> reply(Exchange& exchange, net::Request& request) {
  exchange.asked = request;
  co_return net::Response::text(exchange.status, exchange.type, exchange.answer);
}

Task<Result<void>> append(const ChatDelta& delta, std::string& to) {
  to += delta.text;
  co_return ok();
}

Task<Result<ChatResult>> chat_over_http(Exchange& exchange) {
  net::RouteOptions options;
  options.is_public = true;
  net::Router router({{net::Method::post, "/v1/chat/completions",
                       [&exchange](net::Request& request) { return reply(exchange, request); }, options}});
  net::Server server(co_await asio::this_coro::executor, std::move(router), {});
  const auto at = server.listen(net::Endpoint::tcp("127.0.0.1", 0)).value();
  net::Client client;
  net::Headers headers;
  headers.set("X-Test", "yes");
  const auto model = make_http_chat_model(client, net::Url{at, "/v1"}, headers);
  ChatRequest request;
  request.model = "m";
  request.messages.push_back(Message::make(ChatRole::user, "hi"));
  const ChatSink sink = [&exchange](const ChatDelta& delta) { return append(delta, exchange.streamed); };
  auto result = co_await model->chat(std::move(request), sink, Deadline::after(std::chrono::seconds(20)));
  co_await server.stop();
  co_return result;
}

std::string stream(std::vector<std::string> chunks) {
  std::string text;
  for (const auto& chunk : chunks) text += "data: " + chunk + "\n\n";
  return text;
}

const char* const kHello = R"({"id":"i","model":"m","choices":[{"index":0,"delta":{"content":"hello"}}]})";
const char* const kStop =
    R"({"id":"i","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]})";

TEST(HttpChatModel, StreamsAnAnswer) {
  Exchange exchange{.answer = stream({kHello, kStop, "[DONE]"})};
  const auto result = testing::run(chat_over_http(exchange));

  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->message.text(), "hello");
  EXPECT_EQ(exchange.streamed, "hello");
  EXPECT_EQ(exchange.asked.headers.get("X-Test"), "yes");
  EXPECT_EQ(json::parse(exchange.asked.body)->at("stream"), true);
}

TEST(HttpChatModel, AStreamThatBreaksOffIsAnError) {
  Exchange exchange{.answer = stream({kHello})};
  const auto result = testing::run(chat_over_http(exchange));

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::upstream_error);
}

TEST(HttpChatModel, AnErrorKeepsItsKindAndCode) {
  const auto body = openai::to_error(failed_dependency("set the key").with_code("model_not_configured"));
  Exchange exchange{.status = 424, .type = "application/json", .answer = json::serialize(body)};
  const auto result = testing::run(chat_over_http(exchange));

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::failed_dependency);
  EXPECT_EQ(result.error().code(), "model_not_configured");
  EXPECT_NE(result.error().message().find("set the key"), std::string::npos);
}

TEST(HttpChatModel, AServerThatDoesNotStreamIsUnderstood) {
  ChatResult whole;
  whole.id = "i";
  whole.message = Message::make(ChatRole::assistant, "hello");
  Exchange exchange{.type = "application/json", .answer = json::serialize(openai::to_response(whole, 1))};
  const auto result = testing::run(chat_over_http(exchange));

  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->message.text(), "hello");
  EXPECT_EQ(exchange.streamed, "hello");
}

}  // namespace
}  // namespace isa::sdk
