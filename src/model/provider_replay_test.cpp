// What the providers make of recorded streams, cut anywhere.
#include "model/replay_test_support.h"

namespace isa::model {
namespace {

using sdk::FinishReason;
using sdk::PartKind;

constexpr std::size_t kPieces[] = {0, 1, 7};  // Bytes per write; 1 cuts every UTF-8 sequence and every CRLF.

class ProviderReplay : public ReplayTest {
 protected:
  // The same result however the bytes arrive: it is checked for each way of cutting them.
  void replay(const std::string& name, const std::string& model,
              const std::function<void(const Result<sdk::ChatResult>&)>& check) {
    for (const auto piece : kPieces) {
      SCOPED_TRACE(fmt::format("{} in pieces of {}", name, piece));
      upstream.script.push_back({.body = recorded(name), .piece = piece});
      check(chat(asking(model, "hello")));
    }
  }
};

TEST_F(ProviderReplay, OpenAiTextKeepsUtf8AndCountsUsage) {
  replay("openai_text", "gpt-4o-mini", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->message.text(), "Grüße, 世界 👋.");
    EXPECT_EQ(result->finish_reason, FinishReason::stop);
    EXPECT_EQ(result->model, "gpt-4o-mini-2024-07-18");
    EXPECT_EQ(result->usage.input_tokens, 25);
    EXPECT_EQ(result->usage.cached_input_tokens, 16);
    EXPECT_EQ(result->usage.output_tokens, 6);
    EXPECT_EQ(result->usage.reasoning_tokens, 2);
    EXPECT_FALSE(result->usage.estimated);
  });
}

TEST_F(ProviderReplay, OpenAiInterleavedToolCallsAreSortedByIndex) {
  replay("openai_parallel_tools", "gpt-4o", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    const auto calls = result->message.tool_calls();
    ASSERT_EQ(calls.size(), 2u);
    EXPECT_EQ(calls[0].id, "call_a1");
    EXPECT_EQ(calls[0].arguments, R"({"city":"Zürich"})");
    EXPECT_EQ(calls[1].name, "get_time");
    EXPECT_EQ(calls[1].arguments, R"({"zone":"CET"})");
    EXPECT_EQ(result->finish_reason, FinishReason::tool_calls);
  });
}

TEST_F(ProviderReplay, ANewIdOnAnOpenIndexIsANewCallAndStopAfterCallsIsToolCalls) {
  replay("openai_all_index_zero", "gpt-4o", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    const auto calls = result->message.tool_calls();
    ASSERT_EQ(calls.size(), 3u);
    EXPECT_EQ(calls[0].arguments, R"({"city":"Bern"})");
    EXPECT_EQ(calls[1].arguments, R"({"city":"Basel"})");
    EXPECT_EQ(calls[2].name, "get_time");
    EXPECT_EQ(result->finish_reason, FinishReason::tool_calls);
  });
}

TEST_F(ProviderReplay, NoArgumentsAreAnEmptyObject) {
  replay("openai_empty_arguments", "gpt-4o", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->message.tool_calls().at(0).arguments, "{}");
  });
}

TEST_F(ProviderReplay, CrLfAndCommentsAreUnderstood) {
  replay("openai_crlf", "gpt-4o", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->message.text(), "ab");
  });
}

TEST_F(ProviderReplay, ReasoningBecomesThinking) {
  replay("openai_reasoning", "gpt-4o", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    ASSERT_EQ(result->message.parts.size(), 2u);
    EXPECT_EQ(result->message.parts[0].kind, PartKind::thinking);
    EXPECT_EQ(result->message.parts[0].text, "Let me think.");
    EXPECT_EQ(result->message.text(), "42");
  });
}

TEST_F(ProviderReplay, AStreamThatEndsAfterItsFinishReasonIsWholeAndItsUsageEstimated) {
  replay("openai_no_usage_no_done", "gpt-4o", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->message.text(), "whole");
    EXPECT_EQ(result->finish_reason, FinishReason::length);
    EXPECT_EQ(result->usage.output_tokens, 2);
    EXPECT_TRUE(result->usage.estimated);
  });
}

TEST_F(ProviderReplay, AStreamThatBreaksOffIsAnErrorNeverAShortAnswer) {
  const std::pair<std::string, std::string> broken[] = {{"openai_truncated", "gpt-4o"},
                                                        {"anthropic_truncated", "claude-sonnet-4-5"}};
  for (const auto& [name, model] : broken) {
    replay(name, model, [](const auto& result) {
      ASSERT_FALSE(result);
      EXPECT_EQ(result.error().kind(), ErrorKind::upstream_error);
    });
  }
}

TEST_F(ProviderReplay, AnErrorInTheStreamIsTheResult) {
  replay("openai_error_midstream", "gpt-4o", [](const auto& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::upstream_error);
    EXPECT_NE(result.error().message().find("The server had an error"), std::string::npos);
  });
  replay("anthropic_overloaded_midstream", "claude-sonnet-4-5", [](const auto& result) {
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().kind(), ErrorKind::service_unavailable);
    EXPECT_EQ(result.error().code(), "overloaded");
  });
}

TEST_F(ProviderReplay, AnthropicTextAddsUpCachedTokensAndIgnoresUnknownEvents) {
  replay("anthropic_text", "claude-sonnet-4-5", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->message.text(), "Grüße, 世界 👋.");
    EXPECT_EQ(result->usage.input_tokens, 12 + 100 + 2000);
    EXPECT_EQ(result->usage.cached_input_tokens, 2000);
    EXPECT_EQ(result->usage.cache_write_tokens, 100);
    EXPECT_EQ(result->usage.output_tokens, 15) << "the counts are cumulative, not increments";
  });
}

TEST_F(ProviderReplay, AnthropicThinkingKeepsItsSignatureAndToolsTheirArguments) {
  replay("anthropic_thinking_tool", "claude-sonnet-4-5", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    const auto& parts = result->message.parts;
    ASSERT_EQ(parts.size(), 5u);
    EXPECT_EQ(parts[0].text, "The user wants the weather.");
    EXPECT_EQ(parts[0].signature, "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds+/=");
    EXPECT_EQ(parts[1].kind, PartKind::redacted_thinking);
    EXPECT_TRUE(parts[1].text.starts_with("EmwKAhgBEgy3"));
    EXPECT_EQ(parts[2].text, "I will look.");
    EXPECT_EQ(parts[3].arguments, R"({"city": "Zürich"})");
    EXPECT_EQ(parts[4].arguments, "{}");
    EXPECT_EQ(result->finish_reason, FinishReason::tool_calls);
    EXPECT_EQ(result->usage.input_tokens, 2112)
        << "a later event that repeats no input count takes none away";
  });
}

TEST_F(ProviderReplay, ARefusalIsAContentFilter) {
  replay("anthropic_refusal", "claude-sonnet-4-5", [](const auto& result) {
    ASSERT_TRUE(result) << result.error().message();
    EXPECT_EQ(result->finish_reason, FinishReason::content_filter);
  });
}

TEST_F(ProviderReplay, AServerThatDoesNotStreamIsUnderstoodToo) {
  const std::string whole =
      R"({"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":)"
      R"("assistant","content":"hi","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":)"
      R"("{}"}},{"id":"c2","type":"function","function":{"name":"g","arguments":""}}]},"finish_reason":"tool_calls"}],)"
      R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}})";
  upstream.script.push_back({.body = whole, .content_type = "application/json"});

  const auto result = chat(asking("gpt-4o", "hello"));

  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->message.text(), "hi");
  ASSERT_EQ(result->message.tool_calls().size(), 2u);
  EXPECT_EQ(result->message.tool_calls()[1].name, "g");
  EXPECT_EQ(result->usage.input_tokens, 3);
}

}  // namespace
}  // namespace isa::model
