// The cost of a call, in both dialects, streamed and whole, with providers whose recorded answers are played.
#include "model/replay_test_support.h"

namespace isa::model {
namespace {

class ModelCost : public ReplayTest {
 protected:
  void SetUp() override {
    adjust = [](Settings& s) {
      s.prices = PriceList::parse(
                     "anthropic/claude-sonnet-4-5 input=3 output=15 cached_input=0.3 cache_write=3.75,"
                     "openai/gpt-4o input=2.5 output=10,builtin/demo input=1000 output=1000")
                     .value();
    };
  }
  void play(const std::string& name) { upstream.script.push_back({.body = recorded(name)}); }
  static std::string asks(std::string_view model, std::string_view more) {
    return fmt::format(R"({{"model":"{}","max_tokens":99,"messages":[{{"role":"user","content":"hi"}}]{}}})",
                       model, more);
  }
};

constexpr std::string_view kStreams = R"(,"stream":true,"stream_options":{"include_usage":true})";
// tests/fixtures/streams/anthropic_text: 12 in, 100 written, 2000 read, 15 out.
constexpr double kClaudeCost = 0.001236;

double cost_in(const json::value& usage) {
  const auto* cost = usage.is_object() ? usage.get_object().if_contains("cost") : nullptr;
  return cost ? cost->to_number<double>() : -1;
}

// Of the last usage in a stream, or -1.
double streamed_cost(const Answer& answer) {
  double cost = -1;
  for (const auto& chunk : answer.chunks())
    if (const auto* usage = chunk.if_contains("usage"); usage && usage->is_object()) cost = cost_in(*usage);
  return cost;
}

TEST_F(ModelCost, IsInTheUsageOfAWholeAnswerInBothDialects) {
  play("anthropic_text");
  play("anthropic_text");
  const auto openai = post("/v1/chat/completions", asks("claude-sonnet-4-5", ""));
  EXPECT_DOUBLE_EQ(cost_in(openai.json().at("usage")), kClaudeCost) << openai.body;
  const auto anthropic = post("/v1/messages", asks("claude-sonnet-4-5", ""));
  EXPECT_DOUBLE_EQ(cost_in(anthropic.json().at("usage")), kClaudeCost) << anthropic.body;
}

TEST_F(ModelCost, IsInTheUsageOfAStreamInOpenAisDialect) {
  play("anthropic_text");
  const auto answer = post("/v1/chat/completions", asks("claude-sonnet-4-5", kStreams));
  EXPECT_DOUBLE_EQ(streamed_cost(answer), kClaudeCost) << answer.body;
}

TEST_F(ModelCost, IsPutIntoAnthropicsOwnStreamWhichElseGoesThroughAsItCame) {
  play("anthropic_text");
  const auto priced = post("/v1/messages", asks("claude-sonnet-4-5", R"(,"stream":true)"));
  adjust = [](Settings&) {};
  play("anthropic_text");
  settings = Settings();
  const auto unpriced = post("/v1/messages", asks("claude-sonnet-4-5", R"(,"stream":true)"));

  EXPECT_DOUBLE_EQ(streamed_cost(priced), kClaudeCost) << priced.body;
  EXPECT_EQ(streamed_cost(unpriced), -1) << "what is not known is left out, not 0";
  ASSERT_EQ(priced.events.size(), unpriced.events.size());
  for (std::size_t i = 0; i < priced.events.size(); ++i) {
    auto with = json::parse(priced.events[i].data).value();
    if (priced.events[i].event == "message_delta") with.at("usage").as_object().erase("cost");
    EXPECT_EQ(with, json::parse(unpriced.events[i].data).value());
    EXPECT_EQ(priced.events[i].event, unpriced.events[i].event);
  }
}

TEST_F(ModelCost, IsWrittenIntoAnAnthropicStreamOfAnotherProvider) {
  play("openai_text");
  const auto answer = post("/v1/messages", asks("gpt-4o", R"(,"stream":true)"));
  EXPECT_GT(streamed_cost(answer), 0) << answer.body;
}

TEST_F(ModelCost, ReachesWhoeverAsksInTheSameProcess) {
  play("anthropic_text");
  const auto result = chat(asking("claude-sonnet-4-5", "hi"));
  ASSERT_TRUE(result) << result.error().message();
  EXPECT_EQ(result->usage.cost_usd, Usd::of_nanos(1'236'000));
}

TEST_F(ModelCost, OfAnEstimateIsThatOfTheEstimatedTokens) {
  const auto result = chat(asking("builtin/demo", "What is 2+2?"));
  ASSERT_TRUE(result) << result.error().message();
  const auto& usage = result->usage;
  EXPECT_TRUE(usage.estimated);
  EXPECT_EQ(usage.cost_usd, Usd::of_nanos((usage.input_tokens + usage.output_tokens) * 1'000'000));
}

TEST_F(ModelCost, ThatAProviderNamesItselfIsNotBelieved) {
  const std::string whole =
      R"({"id":"x","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":{"role":)"
      R"("assistant","content":"hi"},"finish_reason":"stop"}],)"
      R"("usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5,"cost":77}})";
  upstream.script.push_back({.body = whole, .content_type = "application/json"});
  const auto unknown = chat(asking("openai/some-model", "hi"));
  ASSERT_TRUE(unknown) << unknown.error().message();
  EXPECT_FALSE(unknown->usage.cost_usd);
  upstream.script.push_back({.body = whole, .content_type = "application/json"});
  EXPECT_EQ(chat(asking("openai/gpt-4o", "hi"))->usage.cost_usd, Usd::of_nanos(3 * 2500 + 2 * 10'000));
}

TEST_F(ModelCost, TheListOfModelsShowsThePricesThatAreKnown) {
  upstream.script = {{.body = R"({"data":[{"type":"model","id":"claude-sonnet-4-5"},{"id":"claude-x"}]})",
                      .content_type = "application/json"},
                     {.status = 500, .body = "{}", .content_type = "application/json"}};
  const auto list = get("/v1/models").json();
  const auto& data = list.at("data").as_array();
  ASSERT_EQ(data.size(), 3U);
  EXPECT_EQ(data[0].at("pricing").at("input").to_number<double>(), 1000);
  EXPECT_EQ(data[1].at("pricing").at("cache_write").to_number<double>(), 3.75);
  EXPECT_FALSE(data[2].as_object().contains("pricing"));
}

TEST_F(ModelCost, AModelWithoutAPriceIsRefusedWhereOneIsNeeded) {
  const auto priced = get("/api/v1/models/resolve?priced=true&model=gpt-4o");
  EXPECT_EQ(priced.status, 200);
  EXPECT_EQ(priced.json().at("pricing").at("output").to_number<double>(), 10);
  const auto without = get("/api/v1/models/resolve?model=gpt-4o-mini");
  EXPECT_EQ(without.status, 200);
  EXPECT_FALSE(without.json().as_object().contains("pricing"));
  const auto refused = get("/api/v1/models/resolve?priced=true&model=gpt-4o-mini");
  EXPECT_EQ(refused.status, 424);
  for (const auto* word : {"model_price_unknown", "openai/gpt-4o-mini", "ISA_MODEL_PRICES", "limits.max_usd"})
    EXPECT_NE(refused.body.find(word), std::string::npos) << refused.body;
}

}  // namespace
}  // namespace isa::model
