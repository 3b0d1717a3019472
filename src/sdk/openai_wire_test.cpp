#include "sdk/openai_wire.h"

#include <gtest/gtest.h>

namespace isa::sdk::openai {
namespace {

const char* const kConversation = R"({"model":"m","messages":[
  {"role":"developer","content":"be brief"},
  {"role":"user","content":[{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]},
  {"role":"assistant","content":null,"tool_calls":[
    {"id":"c1","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},
    {"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},
  {"role":"tool","tool_call_id":"c1","content":"one"},
  {"role":"tool","tool_call_id":"c2","content":[{"type":"text","text":"two"}]},
  {"role":"user","content":"and?"}],
  "tools":[{"type":"function","function":{"name":"f","description":"d","parameters":{"type":"object"}}}],
  "tool_choice":{"type":"function","function":{"name":"f"}},"parallel_tool_calls":false,
  "max_tokens":5,"max_completion_tokens":7,"temperature":0,"stop":"END","seed":3})";

TEST(OpenAiRequest, IsReadIntoTheCommonForm) {
  const auto served = from_request(kConversation);

  ASSERT_TRUE(served) << served.error().message();
  const auto& chat = served->chat;
  ASSERT_EQ(chat.messages.size(), 5u);
  EXPECT_EQ(chat.messages[0].role, ChatRole::system);
  EXPECT_EQ(chat.messages[1].parts[1].media_type, "image/png");
  EXPECT_EQ(chat.messages[1].parts[1].data, "AAAA");
  EXPECT_EQ(chat.messages[2].tool_calls().size(), 2u);
  EXPECT_EQ(chat.messages[3].role, ChatRole::tool);
  ASSERT_EQ(chat.messages[3].parts.size(), 2u) << "the results of one turn are one message";
  EXPECT_EQ(chat.messages[3].parts[1].text, "two");
  EXPECT_EQ(chat.tool_choice, ToolChoice::named);
  EXPECT_EQ(chat.tool_choice_name, "f");
  EXPECT_EQ(chat.max_tokens, 7) << "the newer name wins";
  EXPECT_EQ(chat.temperature, 0.0);
  EXPECT_EQ(chat.stop, std::vector<std::string>{"END"});
  EXPECT_FALSE(served->stream);
}

TEST(OpenAiRequest, GoesBackToItsDialectWithEveryField) {
  auto served = from_request(kConversation).value();
  const auto sent = to_request(served.chat, true);

  const auto original = json::parse(kConversation).value();
  for (const auto& field : original.get_object())
    EXPECT_EQ(sent.at(field.key()), field.value()) << field.key();
  EXPECT_EQ(sent.at("stream_options").at("include_usage"), true);
}

TEST(OpenAiRequest, OfTheCommonFormIsAsServersExpectIt) {
  auto chat = from_request(kConversation).value().chat;
  chat.extra.clear();
  const auto sent = to_request(chat, false);

  const auto& messages = sent.at("messages").as_array();
  ASSERT_EQ(messages.size(), 6u) << "every result is a message of its own";
  EXPECT_EQ(messages[1].at("content").at(1).at("image_url").at("url"), "data:image/png;base64,AAAA");
  EXPECT_TRUE(messages[2].at("content").is_null());
  EXPECT_EQ(messages[2].at("tool_calls").at(1).at("function").at("arguments"), "{}");
  EXPECT_EQ(messages[4].at("tool_call_id"), "c2");
  EXPECT_EQ(messages[5].at("content"), "and?") << "plain text is a string";
  EXPECT_EQ(sent.at("tool_choice").at("function").at("name"), "f");
  EXPECT_FALSE(sent.contains("top_p")) << "nothing is sent that was not asked for";
  EXPECT_FALSE(sent.contains("stream"));
}

TEST(OpenAiRequest, OurExtensionsReachOurServiceAndNobodyElse) {
  ChatRequest chat;
  chat.model = "m";
  Part thinking;
  thinking.kind = PartKind::thinking;
  thinking.text = "hm";
  thinking.signature = "sig";
  chat.messages = {{ChatRole::assistant, {thinking, Part::make_tool_call("c", "f", "{}")}},
                   {ChatRole::tool, {Part::make_tool_result("c", "boom", true)}}};

  const auto plain = json::serialize(to_request(chat, false));
  EXPECT_EQ(plain.find("thinking_blocks"), std::string::npos);
  EXPECT_EQ(plain.find("is_error"), std::string::npos);

  const auto ours = from_request(json::serialize(to_request(chat, false, Extensions::ours))).value().chat;
  EXPECT_EQ(ours.messages[0].parts[0].signature, "sig");
  EXPECT_TRUE(ours.messages[1].parts[0].is_error);
  EXPECT_FALSE(ours.extra.contains("messages")) << "they would be passed on as they came";
}

TEST(OpenAiRequest, NamesWhatIsWrong) {
  const auto message = [](std::string_view text) {
    const auto served = from_request(text);
    return served ? std::string() : served.error().message();
  };
  EXPECT_EQ(message(R"({"messages":[]})"), "/model: this field is required");
  EXPECT_EQ(message(R"({"model":"m","messages":[]})"), "/messages: must hold at least one message");
  EXPECT_EQ(message(R"({"model":"m","messages":[{"role":"user","content":5}]})"),
            "/messages/0/content: expected a string or an array of parts, found an integer");
  EXPECT_EQ(message(R"({"model":"m","messages":[{"role":"robot","content":"x"}]})"),
            "/messages/0/role: 'robot' is not one of system, developer, user, assistant, tool");
  EXPECT_EQ(message(R"({"model":"m","messages":[{"role":"tool","content":"x"}]})"),
            "/messages/0: a message of role 'tool' needs the field 'tool_call_id'");
  EXPECT_NE(message(R"({"model":"m","n":2,"messages":[{"role":"user","content":"x"}]})"), "");
  EXPECT_NE(message(R"({"model":"m","logprobs":true,"messages":[{"role":"user","content":"x"}]})"), "");
}

TEST(OpenAiRequest, SaysWhatHasNoCommonForm) {
  const auto served = from_request(
      R"({"model":"m","messages":[{"role":"user","content":[{"type":"input_audio","input_audio":{}}]}]})");
  ASSERT_TRUE(served);
  EXPECT_EQ(served->untranslatable, "/messages/0/content/0: input_audio");
}

TEST(OpenAiChunks, AreReadAsTheyAreWritten) {
  ChatDelta thinking, signature, text, call, arguments, silent;
  thinking.kind = ChatDelta::Kind::thinking;
  thinking.text = "hm";
  signature.kind = ChatDelta::Kind::signature;
  signature.text = "s";
  text.text = "a\"\n\xE2\x82\xAC";
  call.kind = ChatDelta::Kind::tool_call;
  call.id = "c1";
  call.name = "f";
  arguments.kind = ChatDelta::Kind::tool_arguments;
  arguments.text = "{\"x\":1}";
  silent = call;
  silent.index = 1;
  silent.id = "c2";
  ChatResult end;
  end.finish_reason = FinishReason::tool_calls;
  end.usage = {.input_tokens = 5, .output_tokens = 2, .cached_input_tokens = 3, .estimated = true};
  end.usage.cost_usd = Usd::of_nanos(4'200'001);

  ChunkWriter writer("id", "model", 7, true);
  std::vector<std::string> chunks{writer.first()};
  for (const auto& delta : {thinking, signature, text, call, arguments, silent})
    chunks.push_back(writer.delta(delta));
  for (auto& chunk : writer.last(end)) chunks.push_back(std::move(chunk));

  ChunkReader reader;
  MessageBuilder builder;
  std::vector<ChatDelta> deltas;
  for (const auto& chunk : chunks) ASSERT_TRUE(reader.feed(chunk, deltas)) << chunk;
  for (const auto& delta : deltas) builder.add(delta);
  const auto message = std::move(builder).finish();
  ASSERT_EQ(message.parts.size(), 4u);
  EXPECT_EQ(message.parts[0].signature, "s");
  EXPECT_EQ(message.text(), text.text);
  EXPECT_EQ(message.parts[2].arguments, "{\"x\":1}");
  EXPECT_EQ(message.parts[3].arguments, "{}");
  EXPECT_TRUE(reader.is_done());
  EXPECT_EQ(reader.summary().id, "id");
  EXPECT_EQ(reader.summary().usage.cached_input_tokens, 3);
  EXPECT_TRUE(reader.summary().usage.estimated);
  EXPECT_EQ(reader.summary().usage.cost_usd, Usd::of_nanos(4'200'001));
  EXPECT_EQ(chunks.back(), "[DONE]");
  EXPECT_EQ(json::parse(chunks[chunks.size() - 2])->at("choices").as_array().size(), 0u);
}

TEST(OpenAiChunks, ThatAreNoJsonOrNameNoToolAreErrors) {
  for (const auto* data : {"{", "[]", R"({"error":"overloaded"})", R"({"error":{"message":"x"}})",
                           R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c"}]}}]})"}) {
    ChunkReader reader;
    std::vector<ChatDelta> deltas;
    EXPECT_FALSE(reader.feed(data, deltas)) << data;
  }
}

TEST(OpenAiErrors, KeepKindCodeAndParam) {
  const std::pair<int, ErrorKind> kinds[] = {
      {400, ErrorKind::validation_error},  {404, ErrorKind::not_found},
      {424, ErrorKind::failed_dependency}, {429, ErrorKind::rate_limit_exceeded},
      {500, ErrorKind::upstream_error},    {503, ErrorKind::service_unavailable}};
  for (const auto& [status, kind] : kinds) {
    const auto error =
        from_error(status, R"({"error":{"message":"m","code":"some_code","param":"/x"}})", "p");
    EXPECT_EQ(error.kind(), kind) << status;
    EXPECT_EQ(error.code(), "some_code");
    EXPECT_EQ(error.param(), "/x");
    EXPECT_EQ(error.message(), "p: m");
  }
  EXPECT_EQ(from_error(422, R"({"detail":[{"loc":["body","response_format",0],"msg":"not permitted"}]})", "p")
                .message(),
            "p: body: response_format: not permitted");
  EXPECT_EQ(from_error(502, "<html>", "p").message(), "p: it gave no reason (status 502)");
}

}  // namespace
}  // namespace isa::sdk::openai
