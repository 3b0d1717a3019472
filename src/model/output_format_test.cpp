// The form that an answer must have: in each dialect, and with providers that do not know it.
#include "model/output_format.h"

#include "model/anthropic/anthropic_wire.h"
#include "model/replay_test_support.h"
#include "sdk/structured_output.h"

namespace isa::model {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSchema =
    R"({"type":"object","properties":{"n":{"type":"integer","minimum":0}},"required":["n"],"additionalProperties":false})";

json::object parsed(std::string_view text) {
  return json::parse(text).value().get_object();
}

class OutputFormat : public ReplayTest {
 protected:
  void play(const std::string& name) { upstream.script.push_back({.body = recorded(name)}); }
  void refuse(std::string body, int status = 400) {
    upstream.script.push_back(
        {.status = status, .body = std::move(body), .content_type = "application/json"});
  }
  std::string system_of(std::size_t request) const {
    const auto body = upstream.body(request);
    if (const auto* system = body.if_contains("system")) return json::serialize(*system);
    const auto& first = body.at("messages").at(0);
    return first.at("role") == "system" ? std::string(first.at("content").as_string()) : "";
  }
};

std::string openai(std::string_view model, std::string_view format, std::string_view more = "") {
  return fmt::format(
      R"({{"model":"{}","messages":[{{"role":"user","content":"hi"}}],"response_format":{}{}}})", model,
      format, more);
}
std::string openai_schema(std::string_view schema = kSchema, std::string_view name = "n") {
  return fmt::format(R"({{"type":"json_schema","json_schema":{{"name":"{}","schema":{}}}}})", name, schema);
}
std::string anthropic(std::string_view model, std::string_view more) {
  return fmt::format(R"({{"model":"{}","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}],{}}})",
                     model, more);
}
std::string output_config(std::string_view more = "") {
  return fmt::format(R"("output_config":{{"format":{{"type":"json_schema","schema":{}}}{}}})", kSchema, more);
}

constexpr const char* kOpenAiRefusal =
    R"({"error":{"message":"Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model.",)"
    R"("type":"invalid_request_error","param":null,"code":null}})";
constexpr const char* kAnthropicRefusal =
    R"({"type":"error","error":{"type":"invalid_request_error","message":"output_config: Extra inputs are not permitted"}})";

TEST_F(OutputFormat, GoesToOpenAiAsItStands) {
  play("openai_text");
  EXPECT_EQ(post("/v1/chat/completions", openai("gpt-4o", openai_schema())).status, 200);
  EXPECT_EQ(upstream.body(0).at("response_format").at("json_schema").at("schema"),
            json::parse(kSchema).value());
}

TEST_F(OutputFormat, GoesToAnthropicAsItsOutputConfig) {
  play("anthropic_text");
  EXPECT_EQ(post("/v1/chat/completions", openai("claude-sonnet-4-5", openai_schema())).status, 200);
  const auto sent = upstream.body(0);
  const auto& format = sent.at("output_config").at("format");
  EXPECT_EQ(format.at("type"), "json_schema");
  EXPECT_EQ(format.at("schema").at("properties").at("n").at("description"), R"(It must fit: {"minimum":0})");
  EXPECT_EQ(format.at("schema").at("additionalProperties"), false);
  EXPECT_FALSE(sent.contains("response_format"));
  EXPECT_FALSE(sent.contains("system"));
}

TEST_F(OutputFormat, OfAnthropicsCallerReachesOpenAi) {
  const auto beta = fmt::format(R"("output_format":{{"type":"json_schema","schema":{}}})", kSchema);
  for (const auto& form : {output_config(R"(,"effort":"high")"), beta}) {
    play("openai_text");
    EXPECT_EQ(post("/v1/messages", anthropic("gpt-4o", form)).status, 200);
    const auto sent = upstream.body(upstream.requests.size() - 1);
    const auto& format = sent.at("response_format").at("json_schema");
    EXPECT_EQ(format.at("schema"), json::parse(kSchema).value());
    EXPECT_EQ(format.at("strict"), true);
    EXPECT_FALSE(sent.contains("output_config"));
  }
}

TEST_F(OutputFormat, OfAnthropicsCallerGoesToAnthropicUnchanged) {
  play("anthropic_text");
  EXPECT_EQ(post("/v1/messages", anthropic("claude-sonnet-4-5", output_config(R"(,"effort":"high")"))).status,
            200);
  const auto sent = upstream.body(0);
  EXPECT_EQ(sent.at("output_config").at("effort"), "high");
  EXPECT_EQ(sent.at("output_config").at("format").at("schema"), json::parse(kSchema).value());
}

TEST_F(OutputFormat, WhatAnthropicHasNoWordsForStandsInThePrompt) {
  const auto* any_object = R"({"type":"json_object"})";
  const auto a_map = openai_schema(R"({"type":"object","additionalProperties":{"type":"string"}})");
  for (const auto& [form, words] : {std::pair<std::string, std::string>{any_object, "one JSON object"},
                                    {a_map, R"("additionalProperties")"}}) {
    play("anthropic_text");
    EXPECT_EQ(post("/v1/chat/completions", openai("claude-sonnet-4-5", form)).status, 200);
    const auto at = upstream.requests.size() - 1;
    EXPECT_FALSE(upstream.body(at).contains("output_config"));
    EXPECT_NE(upstream.body(at).at("system").as_string().find(words), json::string::npos);
  }
  play("anthropic_text");
  EXPECT_EQ(post("/v1/chat/completions", openai("claude-sonnet-4-5", R"({"type":"text"})")).status, 200);
  EXPECT_FALSE(upstream.body(upstream.requests.size() - 1).contains("system"));
  const auto unknown = post("/v1/chat/completions", openai("claude-sonnet-4-5", R"({"type":"poem"})"));
  EXPECT_EQ(unknown.status, 400);
  EXPECT_EQ(unknown.json().at("error").at("param"), "/response_format/type");
}

TEST_F(OutputFormat, AProviderThatRefusesItIsAskedOnceWithoutAndNotAgain) {
  refuse(kOpenAiRefusal);
  play("openai_text");
  play("openai_text");
  const auto body = openai("gpt-4o", openai_schema());
  const auto answers = post_all("/v1/chat/completions", {body, body});

  EXPECT_EQ(answers[0].status, 200) << answers[0].body;
  EXPECT_EQ(answers[1].status, 200) << answers[1].body;
  ASSERT_EQ(upstream.requests.size(), 3u);
  EXPECT_TRUE(upstream.body(0).contains("response_format"));
  for (const std::size_t later : {1u, 2u}) {
    EXPECT_FALSE(upstream.body(later).contains("response_format"));
    EXPECT_NE(system_of(later).find("JSON Schema"), std::string::npos);
    EXPECT_EQ(upstream.body(later).at("messages").as_array().size(), 2u);
  }
}

TEST_F(OutputFormat, SoIsAnthropic) {
  for (const auto* system :
       {R"(,"system":"Be brief.")", R"(,"system":[{"type":"text","text":"Be brief."}])", ""}) {
    SCOPED_TRACE(system);
    upstream.requests.clear();
    refuse(kAnthropicRefusal);
    play("anthropic_text");
    const auto form = output_config(R"(,"effort":"low")") + system;
    EXPECT_EQ(post("/v1/messages", anthropic("claude-3-opus", form)).status, 200);
    ASSERT_EQ(upstream.requests.size(), 2u);
    EXPECT_EQ(upstream.body(1).at("output_config"), json::value(parsed(R"({"effort":"low"})")));
    EXPECT_NE(system_of(1).find("JSON Schema"), std::string::npos);
  }
  upstream.requests.clear();
  refuse(kAnthropicRefusal);
  play("anthropic_text");
  EXPECT_EQ(post("/v1/chat/completions", openai("claude-3-opus", openai_schema())).status, 200);
  ASSERT_EQ(upstream.requests.size(), 2u);
  EXPECT_FALSE(upstream.body(1).contains("output_config"));
}

TEST_F(OutputFormat, RefusalsOfCompatibleServersAreKnown) {
  const std::pair<int, const char*> refusals[] = {
      {400,
       R"({"error":{"message":"This response_format type is unavailable now","type":"invalid_request_error"}})"},
      {422, R"({"detail":[{"loc":["body","response_format"],"msg":"Extra inputs are not permitted"}]})"},
      {400, R"({"error":{"message":"bad value","param":"response_format.type"}})"},
      {400, R"({"error":"Cannot use custom grammar constraints with tools."})"}};
  for (const auto& [status, body] : refusals) {
    upstream.requests.clear();
    refuse(body, status);
    play("openai_text");
    EXPECT_EQ(post("/v1/chat/completions", openai("gpt-4o", openai_schema())).status, 200) << body;
    EXPECT_EQ(upstream.requests.size(), 2u) << body;
  }
}

TEST_F(OutputFormat, NothingElseIsAskedAgain) {
  const auto* too_long = R"({"error":{"message":"too long","code":"context_length_exceeded"}})";
  refuse(too_long);
  EXPECT_EQ(post("/v1/chat/completions", openai("gpt-4o", openai_schema())).status, 400);
  refuse(kOpenAiRefusal);
  EXPECT_EQ(post("/v1/chat/completions", openai("gpt-4o", R"({"type":"text"})")).status, 400);
  EXPECT_EQ(upstream.requests.size(), 2u);
  refuse(kOpenAiRefusal);
  refuse(too_long);
  const auto last = post("/v1/chat/completions", openai("gpt-4o", openai_schema()));
  EXPECT_EQ(last.status, 400);
  EXPECT_NE(last.body.find("too long"), std::string::npos) << last.body;
}

TEST_F(OutputFormat, OfAnAgentWithToolsIsLeftToItsPromptWhereAModelCouldNotCallThemAnyMore) {
  const auto schema = parsed(kSchema);
  const auto own = json::serialize(sdk::structured_output_format(schema).value());
  const auto* tools =
      R"(,"tools":[{"type":"function","function":{"name":"f","parameters":{"type":"object"}}}])";
  for (const auto& [body, is_sent] :
       {std::pair(openai("gpt-4o", own, tools), false), std::pair(openai("gpt-4o", own), true),
        std::pair(openai("gpt-4o", openai_schema(), tools), true)}) {
    play("openai_text");
    EXPECT_EQ(post("/v1/chat/completions", body).status, 200);
    EXPECT_EQ(upstream.body(upstream.requests.size() - 1).contains("response_format"), is_sent) << body;
  }
  play("anthropic_text");
  EXPECT_EQ(post("/v1/chat/completions", openai("claude-sonnet-4-5", own, tools)).status, 200);
  EXPECT_TRUE(upstream.body(upstream.requests.size() - 1).contains("output_config"));
}

TEST_F(OutputFormat, ThatThePromptSaysAlreadyIsNotSaidTwice) {
  auto request = asking("gpt-4o", "hi");
  request.response_format = sdk::structured_output_format(parsed(kSchema));
  const auto words = sdk::structured_output_prompt(parsed(kSchema));
  request.messages.insert(request.messages.begin(),
                          sdk::Message::make(sdk::ChatRole::system, "Be brief.\n\n" + words));
  say_format_in_prompt(request);
  EXPECT_FALSE(request.response_format);
  EXPECT_EQ(request.messages.size(), 2u);
}

TEST(FormatMemoryTest, AFormIsRefusedForAWhileAndAModelWhenItTookNone) {
  FormatMemory memory;
  const auto now = Deadline::Clock::now();
  memory.note_refused("m", 1, now);
  EXPECT_TRUE(memory.is_refused("m", 1, now));
  EXPECT_FALSE(memory.is_refused("m", 2, now));
  EXPECT_FALSE(memory.is_refused("other", 1, now));
  memory.note_refused("m", 2, now);
  EXPECT_TRUE(memory.is_refused("m", 3, now)) << "it knows none";
  EXPECT_FALSE(memory.is_refused("m", 1, now + 61min)) << "servers learn";
  memory.note_taken("m", now);
  EXPECT_FALSE(memory.is_refused("m", 3, now)) << "it knows some";
  EXPECT_TRUE(memory.is_refused("m", 1, now));
}

TEST(FormatMemoryTest, RemembersSoMuchAndNoMore) {
  FormatMemory memory;
  const auto now = Deadline::Clock::now();
  for (int i = 0; i < 1'000; ++i)
    memory.note_refused(fmt::format("m{}", i), 1, now + std::chrono::seconds(i));
  EXPECT_FALSE(memory.is_refused("m0", 1, now));
  EXPECT_TRUE(memory.is_refused("m999", 1, now));
  memory.note_taken("m999", now);
  for (std::size_t i = 2; i < 100; ++i) memory.note_refused("m999", i, now);
  EXPECT_FALSE(memory.is_refused("m999", 2, now));
  EXPECT_TRUE(memory.is_refused("m999", 99, now));
}

TEST(AnthropicSchema, IsClosedAndKeepsWhatTheDialectKnows) {
  const auto converted = anthropic::to_output_schema(parsed(
      R"({"$schema":"https://json-schema.org/draft/2020-12/schema","properties":{
        "when":{"type":"string","format":"date","description":"A day."},"id":{"type":"string","pattern":"^x"},
        "kind":{"enum":["a","b",null]},"list":{"type":"array","minItems":1,"maxItems":3,"items":{"$ref":"#/$defs/leaf"}},
        "either":{"oneOf":[{"type":"number"},{"type":"null"}]}},
        "required":["when"],"$defs":{"leaf":{"type":["string","null"]}}})"));
  EXPECT_EQ(json::value(converted.value()),
            json::value(parsed(
                R"({"$defs":{"leaf":{"type":["string","null"]}},"type":"object","properties":{
        "when":{"type":"string","description":"A day.","format":"date"},
        "id":{"type":"string","description":"It must fit: {\"pattern\":\"^x\"}"},
        "kind":{"enum":["a","b",null]},
        "list":{"type":"array","items":{"$ref":"#/$defs/leaf"},"minItems":1,"description":"It must fit: {\"maxItems\":3}"},
        "either":{"anyOf":[{"type":"number"},{"type":"null"}]}},"additionalProperties":false,"required":["when"]})")));
}

TEST(AnthropicSchema, ThatTheDialectWouldBendIsNone) {
  for (const auto* schema :
       {R"({})", R"({"type":"object"})", R"({"type":"object","additionalProperties":true})",
        R"({"type":"object","properties":{"a":{"type":"null"}},"additionalProperties":{"type":"null"}})",
        R"({"type":"object","properties":{"a":{"type":"null"}},"required":["b"]})",
        R"({"type":"object","properties":{"a":{}}})", R"({"type":"object","properties":{"a":true}})",
        R"({"type":"array"})", R"({"type":"array","prefixItems":[{"type":"null"}],"items":{"type":"null"}})",
        R"({"type":"object","properties":{"a":{"type":"null"}},"allOf":[{"required":["b"]}]})",
        R"({"type":"object","properties":{"next":{"$ref":"#"}}})",
        R"({"$ref":"#/$defs/a","$defs":{"a":{"type":"object","properties":{"a":{"$ref":"#/$defs/a"}}}}})"})
    EXPECT_FALSE(anthropic::to_output_schema(parsed(schema))) << schema;
}

TEST(AnthropicSchema, OfManyReferencesIsReadOnce) {
  std::string definitions;
  for (int i = 0; i < 60; ++i)
    definitions += fmt::format(
        R"("d{0}":{{"type":"object","properties":{{"a":{{"$ref":"#/$defs/d{1}"}},"b":{{"$ref":"#/$defs/d{1}"}}}}}},)",
        i, i + 1);
  const auto schema =
      fmt::format(R"({{"$ref":"#/$defs/d0","$defs":{{{}"d60":{{"type":"null"}}}}}})", definitions);
  EXPECT_TRUE(anthropic::to_output_schema(parsed(schema)));
}

}  // namespace
}  // namespace isa::model
