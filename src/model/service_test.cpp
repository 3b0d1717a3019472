// The service's routes: both dialects in, every provider out.
#include "model/replay_test_support.h"

namespace isa::model {
namespace {

class ModelService : public ReplayTest {
 protected:
  void play(const std::string& name) { upstream.script.push_back({.body = recorded(name)}); }
};

std::string openai(std::string_view model, std::string_view more = "") {
  return fmt::format(R"({{"model":"{}","messages":[{{"role":"user","content":"hi"}}]{}}})", model, more);
}
std::string anthropic(std::string_view model, std::string_view more = "") {
  return fmt::format(R"({{"model":"{}","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]{}}})",
                     model, more);
}

// Puts an Anthropic stream's blocks together as its official client does: by index, in order.
json::array blocks_of(const Answer& answer) {
  json::array blocks;
  std::map<std::int64_t, std::string> inputs;
  std::int64_t open = -1;
  for (const auto& event : answer.chunks()) {
    const auto& type = event.at("type").as_string();
    if (type == "content_block_start") {
      EXPECT_EQ(open, -1) << "a block starts while another is open";
      open = event.at("index").as_int64();
      EXPECT_EQ(static_cast<std::size_t>(open), blocks.size());
      blocks.push_back(event.at("content_block"));
    } else if (type == "content_block_delta") {
      EXPECT_EQ(event.at("index").as_int64(), open);
      auto& block = blocks.back().as_object();
      for (const auto& [name, value] : event.at("delta").as_object()) {
        if (name == "type") continue;
        if (name == "partial_json")
          inputs[open] += std::string(value.as_string());
        else
          block[name] = std::string(block[name].as_string()) + std::string(value.as_string());
      }
    } else if (type == "content_block_stop") {
      if (inputs.contains(open)) blocks.back().as_object()["input"] = json::parse(inputs[open]).value();
      open = -1;
    }
  }
  EXPECT_EQ(open, -1) << "a block was left open";
  return blocks;
}

TEST_F(ModelService, TheDemoModelAnswersInOpenAisDialect) {
  const auto answer =
      post("/v1/chat/completions",
           R"({"model":"builtin/demo","messages":[{"role":"user","content":"What is 2+2?"}]})");

  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto body = answer.json();
  EXPECT_EQ(body.at("object"), "chat.completion");
  EXPECT_EQ(body.at_pointer("/choices/0/message/content"), "2+2 = 4");
  EXPECT_EQ(body.at_pointer("/choices/0/finish_reason"), "stop");
  EXPECT_TRUE(body.at_pointer("/choices/0/message/refusal").is_null());
  EXPECT_EQ(body.at_pointer("/usage/estimated"), true);
}

TEST_F(ModelService, TheDemoModelAnswersInAnthropicsDialect) {
  const auto answer = post("/v1/messages", anthropic("builtin/demo"));

  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto body = answer.json();
  EXPECT_EQ(body.at("type"), "message");
  EXPECT_EQ(body.at("stop_reason"), "end_turn");
  EXPECT_EQ(body.at_pointer("/content/0/type"), "text");
}

TEST_F(ModelService, AStreamInOpenAisDialectEndsWithDoneAndHoldsUsageOnlyWhenAsked) {
  for (const bool asked : {false, true}) {
    play("openai_text");
    const auto more =
        asked ? R"(,"stream":true,"stream_options":{"include_usage":true})" : R"(,"stream":true)";
    const auto answer = post("/v1/chat/completions", openai("gpt-4o-mini", more));

    ASSERT_EQ(answer.status, 200);
    EXPECT_EQ(answer.events.back().data, "[DONE]");
    const auto chunks = answer.chunks();
    std::string text;
    std::size_t with_usage = 0;
    for (const auto& chunk : chunks) {
      EXPECT_EQ(chunk.at("id"), chunks[0].at("id"));
      EXPECT_EQ(chunk.at("model"), "gpt-4o-mini");
      EXPECT_EQ(chunk.contains("usage"), asked);
      if (asked && !chunk.at("usage").is_null()) ++with_usage;
      if (chunk.at("choices").as_array().empty()) continue;
      const auto& delta = chunk.at("choices").as_array()[0].at("delta").as_object();
      if (delta.contains("content")) text += std::string(delta.at("content").as_string());
    }
    EXPECT_EQ(text, "Grüße, 世界 👋.");
    EXPECT_EQ(with_usage, asked ? 1u : 0u);
    EXPECT_EQ(upstream.body(upstream.requests.size() - 1).at("stream_options").at("include_usage"), true)
        << "usage is always metered";
  }
}

TEST_F(ModelService, OpenAisCallerReadsAnthropicsToolsThinkingAndUsage) {
  play("anthropic_thinking_tool");
  const auto answer = post("/v1/chat/completions", openai("claude-sonnet-4-5"));

  ASSERT_EQ(answer.status, 200) << answer.body;
  const auto body = answer.json();
  const auto& message = body.at_pointer("/choices/0/message").as_object();
  EXPECT_EQ(message.at("content"), "I will look.");
  EXPECT_EQ(message.at("reasoning_content"), "The user wants the weather.");
  EXPECT_EQ(message.at("tool_calls").at(0).at("function").at("arguments"), R"({"city": "Zürich"})");
  EXPECT_EQ(message.at("tool_calls").at(1).at("function").at("arguments"), "{}");
  EXPECT_EQ(body.at_pointer("/choices/0/finish_reason"), "tool_calls");
  EXPECT_EQ(body.at_pointer("/usage/prompt_tokens"), 2112);
  EXPECT_EQ(body.at_pointer("/usage/prompt_tokens_details/cached_tokens"), 2000);
}

TEST_F(ModelService, SignedThinkingSurvivesTheWayThroughOpenAisDialect) {
  play("anthropic_thinking_tool");
  const auto first = post("/v1/chat/completions", openai("claude-sonnet-4-5")).json();
  auto assistant = first.at_pointer("/choices/0/message").as_object();
  json::object request;
  request["model"] = "claude-sonnet-4-5";
  json::array messages;
  messages.push_back(json::parse(R"({"role":"user","content":"hi"})").value());
  messages.push_back(assistant);
  for (const auto* id : {"toolu_01T1x1fJ34qAmk2tNTrN7Up6", "toolu_02"}) {
    json::object result;
    result["role"] = "tool";
    result["tool_call_id"] = id;
    result["content"] = "sunny";
    messages.push_back(std::move(result));
  }
  messages.push_back(json::parse(R"({"role":"user","content":"and?"})").value());
  request["messages"] = std::move(messages);
  play("anthropic_text");

  const auto second = post("/v1/chat/completions", json::serialize(request));

  ASSERT_EQ(second.status, 200) << second.body;
  const auto sent = upstream.body(1);
  const auto& turns = sent.at("messages").as_array();
  ASSERT_EQ(turns.size(), 3u) << "results and the next question are one user message";
  const auto& said = turns[1].at("content").as_array();
  EXPECT_EQ(said[0].at("signature"), "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds+/=");
  EXPECT_EQ(said[1].at("type"), "redacted_thinking");
  EXPECT_EQ(said[1].at("data"), "EmwKAhgBEgy3va3pzix/LafPsn4aDFIT2Xlxh0L5L8rLVyIw");
  EXPECT_EQ(said[3].at("input").at("city"), "Zürich");
  EXPECT_EQ(turns[2].at("content").at(0).at("type"), "tool_result");
  EXPECT_EQ(turns[2].at("content").at(1).at("tool_use_id"), "toolu_02");
  EXPECT_EQ(turns[2].at("content").at(2).at("text"), "and?");
}

TEST_F(ModelService, AnthropicsCallerReadsOpenAisInterleavedCallsAsBlocksInOrder) {
  play("openai_parallel_tools");
  const auto answer = post("/v1/messages", anthropic("gpt-4o", R"(,"stream":true)"));

  ASSERT_EQ(answer.status, 200);
  EXPECT_EQ(answer.events.front().event, "message_start");
  EXPECT_EQ(answer.events.back().event, "message_stop");
  const auto blocks = blocks_of(answer);
  ASSERT_EQ(blocks.size(), 2u);
  EXPECT_EQ(blocks[0].at("input").at("city"), "Zürich");
  EXPECT_EQ(blocks[1].at("name"), "get_time");
  EXPECT_EQ(blocks[1].at("input").at("zone"), "CET");
  const auto end = answer.chunks()[answer.chunks().size() - 2];
  EXPECT_EQ(end.at("delta").at("stop_reason"), "tool_use");
  EXPECT_EQ(end.at("usage").at("input_tokens"), 25 - 16) << "cached input is apart";
}

TEST_F(ModelService, AnthropicsOwnEventsGoThroughAsTheyAre) {
  for (const auto* name : {"anthropic_text", "anthropic_thinking_tool", "anthropic_server_tool"}) {
    play(name);
    const auto answer = post("/v1/messages", anthropic("claude-sonnet-4-5", R"(,"stream":true)"));
    const auto own = recorded(name);
    EXPECT_EQ(answer.body.substr(0, own.size()), own);
    EXPECT_TRUE(answer.body.substr(own.size()).starts_with(": usage {")) << "a comment, for whoever meters";
  }
}

TEST_F(ModelService, AnErrorInTheStreamReachesTheCallerInHisDialect) {
  const std::tuple<const char*, const char*> broken[] = {{"openai_error_midstream", "gpt-4o"},
                                                         {"openai_truncated", "gpt-4o"},
                                                         {"anthropic_truncated", "claude-x"},
                                                         {"anthropic_overloaded_midstream", "claude-x"}};
  for (const auto& [name, model] : broken) {
    SCOPED_TRACE(name);
    play(name);
    const auto to_openai = post("/v1/chat/completions", openai(model, R"(,"stream":true)"));
    EXPECT_TRUE(to_openai.chunks().back().contains("error"));
    EXPECT_NE(to_openai.events.back().data, "[DONE]") << "a broken answer is not done";

    play(name);
    const auto to_anthropic = post("/v1/messages", anthropic(model, R"(,"stream":true)"));
    EXPECT_EQ(to_anthropic.events.back().event, "error");
    EXPECT_EQ(to_anthropic.chunks().back().at("type"), "error");
  }
}

TEST_F(ModelService, WhatTheCommonFormLacksGoesThroughToTheSameDialectOnly) {
  const auto with_document =
      R"({"model":"MODEL","max_tokens":9,"top_k":5,"messages":[{"role":"user","content":[{"type":"text","text":"hi",)"
      R"("cache_control":{"type":"ephemeral"}},{"type":"document","source":{"type":"text","data":"x"}}]}]})";
  const auto for_model = [&](std::string model) {
    std::string text = with_document;
    return text.replace(text.find("MODEL"), 5, model);
  };
  play("anthropic_text");
  net::Headers beta;
  beta.set("anthropic-beta", "files-api-2025-04-14");

  EXPECT_EQ(post("/v1/messages", for_model("claude-sonnet-4-5"), beta).status, 200);
  const auto sent = upstream.body(0);
  EXPECT_EQ(sent.at("top_k"), 5);
  EXPECT_EQ(sent.at("messages").at(0).at("content").at(0).at("cache_control").at("type"), "ephemeral");
  EXPECT_EQ(sent.at("messages").at(0).at("content").at(1).at("type"), "document");
  EXPECT_FALSE(sent.contains("anthropic-beta"));
  EXPECT_EQ(upstream.requests[0].headers.get("anthropic-beta"), "files-api-2025-04-14");

  const auto refused = post("/v1/messages", for_model("gpt-4o"));
  EXPECT_EQ(refused.status, 400);
  EXPECT_NE(refused.body.find("/messages/0/content/1: document"), std::string::npos) << refused.body;
  EXPECT_EQ(upstream.requests.size(), 1u);
}

TEST_F(ModelService, WrongTypesAreA400InTheRoutesDialect) {
  const auto from_openai = post("/v1/chat/completions", R"({"model":"builtin/demo","messages":"hi"})");
  EXPECT_EQ(from_openai.status, 400);
  EXPECT_EQ(from_openai.json().at("error").at("type"), "invalid_request_error");
  EXPECT_EQ(from_openai.json().at("error").at("param"), "/messages");
  EXPECT_TRUE(from_openai.json().at("error").as_object().contains("code"));

  const auto from_anthropic = post("/v1/messages", R"({"model":"builtin/demo","messages":[]})");
  EXPECT_EQ(from_anthropic.status, 400);
  EXPECT_EQ(from_anthropic.json().at("type"), "error");
  EXPECT_EQ(from_anthropic.json().at("error").at("type"), "invalid_request_error");
  EXPECT_EQ(from_anthropic.json().at("request_id"), "req_test");

  EXPECT_EQ(post("/v1/chat/completions", "{").status, 400);
  EXPECT_EQ(post("/v1/chat/completions", openai("builtin/demo", R"(,"no_such_field":1)")).status, 200);
}

TEST_F(ModelService, AModelThatIsNotThereIsA404AndOneThatIsNotConfiguredA424) {
  adjust = [](Settings& s) { s = Settings(); };
  for (const auto* model : {"nowhere/thing", "builtin/other", "openai/"}) {
    const auto answer = post("/v1/chat/completions", openai(model));
    EXPECT_EQ(answer.status, 404) << model;
    EXPECT_EQ(answer.json().at("error").at("code"), "model_not_found");
  }
  const std::pair<const char*, const char*> unconfigured[] = {
      {"gpt-4o", "ISA_MODEL_OPENAI_API_KEY"},
      {"llama3", "ISA_MODEL_OPENAI_BASE_URL"},
      {"claude-opus-4", "ISA_MODEL_ANTHROPIC_API_KEY"},
      {"anthropic/x", "model.anthropic.api_key"}};
  for (const auto& [model, names] : unconfigured) {
    const auto answer = post("/v1/chat/completions", openai(model));
    EXPECT_EQ(answer.status, 424) << model;
    EXPECT_EQ(answer.json().at("error").at("code"), "model_not_configured");
    EXPECT_NE(answer.body.find(names), std::string::npos) << answer.body;
  }
  EXPECT_EQ(post("/v1/messages", anthropic("nowhere/thing")).json().at("error").at("type"),
            "not_found_error");
}

TEST_F(ModelService, AnOverloadedProviderIsA529ToAnthropicsCaller) {
  adjust = [](Settings& s) { s.retries = 0; };
  upstream.script.push_back(
      {.status = 529,
       .body = R"({"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}})",
       .content_type = "application/json"});
  const auto answer = post("/v1/messages", anthropic("claude-sonnet-4-5"));

  EXPECT_EQ(answer.status, 529);
  EXPECT_EQ(answer.json().at("error").at("type"), "overloaded_error");
}

TEST_F(ModelService, AForwardedRequestUsesThePlatformsKeyAndLeavesTheCallersBehind) {
  play("openai_text");
  play("anthropic_text");
  net::Request request;
  request.method = net::Method::post;
  request.target = "/v1/chat/completions";
  request.body = openai("gpt-4o");
  for (const auto* name : {"Authorization", "x-api-key", "Cookie", "X-User-Id", "X-Internal-Service-Secret"})
    request.headers.set(name, "of-the-caller");

  EXPECT_EQ(forward(request, Identity{UserId("ada"), {}, false}).status, 200);
  request.target = "/v1/messages";
  request.body = anthropic("claude-sonnet-4-5");
  EXPECT_EQ(forward(request, Identity{UserId("ada"), {}, false}).status, 200);

  EXPECT_EQ(upstream.requests[0].headers.get("Authorization"), "Bearer key-of-the-platform");
  EXPECT_EQ(upstream.requests[1].headers.get("x-api-key"), "key-of-the-platform");
  for (const auto& sent : upstream.requests)
    for (const auto& [name, value] : sent.headers.all()) EXPECT_NE(value, "of-the-caller") << name;
}

TEST_F(ModelService, OnlyTheModelsAreReachedByForwarding) {
  for (const auto* target : {"/api/v1/invoke", "/health", "/v1", "/v1/../api/v1/invoke"}) {
    net::Request request;
    request.method = net::Method::post;
    request.path = "/v1/messages";
    request.target = target;
    EXPECT_EQ(forward(request, {}).status, 404) << target;
  }
}

TEST_F(ModelService, ListsTheDemoModelAndWhatTheProvidersHave) {
  upstream.script = {{.body = R"({"data":[{"type":"model","id":"claude-x"}],"has_more":false})",
                      .content_type = "application/json"},
                     {.status = 500, .body = "{}", .content_type = "application/json"}};
  const auto answer = get("/v1/models");

  ASSERT_EQ(answer.status, 200);
  const auto list = answer.json();
  const auto& data = list.at("data").as_array();
  ASSERT_EQ(data.size(), 2u) << "the provider that failed is left out";
  EXPECT_EQ(data[0].at("id"), "builtin/demo");
  EXPECT_EQ(data[1].at("id"), "anthropic/claude-x");
}

TEST_F(ModelService, FindsOneModelByItsIdEscapedOrNot) {
  adjust = [](Settings& s) { s = Settings(); };
  EXPECT_EQ(get("/v1/models/builtin%2Fdemo").json().at("id"), "builtin/demo");
  EXPECT_EQ(get("/v1/models/builtin/demo").json().at("object"), "model");
  EXPECT_EQ(get("/v1/models/nothing").status, 404);
  net::Headers version;
  version.set("anthropic-version", "2023-06-01");
  EXPECT_EQ(get("/v1/models/builtin/demo", version).json().at("type"), "model");
}

TEST_F(ModelService, InvokeTakesBothBodiesOfTheOriginal) {
  const auto plain = post("/api/v1/invoke", R"({"messages":[{"role":"user","content":"What is 2+2?"}]})");
  EXPECT_EQ(plain.json().at_pointer("/choices/0/message/content"), "2+2 = 4");
  const auto legacy = post(
      "/api/v1/invoke", R"({"input_data":"What is 2+2?","service_type":"text","task":"chat","model":"demo",)"
                        R"("provider":"builtin"})");
  ASSERT_EQ(legacy.status, 200) << legacy.body;
  EXPECT_EQ(legacy.json().at_pointer("/result/choices/0/message/content"), "2+2 = 4");
  EXPECT_EQ(post("/api/v1/invoke", R"({"input_data":"x","service_type":"image"})").status, 501);
}

TEST_F(ModelService, ACallThatRunsOutOfTimeLeavesTheProvider) {
  upstream.script.push_back({.body = recorded("openai_text").substr(0, 700), .stays_open = true});
  const auto result = chat(asking("gpt-4o", "hi"), Deadline::after(std::chrono::milliseconds(200)));

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::timeout);
  EXPECT_TRUE(upstream.was_left);
}

}  // namespace
}  // namespace isa::model
