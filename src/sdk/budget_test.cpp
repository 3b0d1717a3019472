#include "sdk/budget.h"

#include "sdk/loop.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

Usage used(std::int64_t tokens, std::optional<Usd> cost = std::nullopt) {
  return {.input_tokens = tokens, .cost_usd = cost};
}

Usd nanos(std::int64_t count) {
  return Usd::of_nanos(count);
}

TEST(Usage, TheCostOfASumIsKnownWhenThatOfEveryPartIs) {
  Usage sum;
  EXPECT_FALSE(sum.cost_usd);
  sum += used(1, nanos(1));
  sum += used(1, nanos(2));
  EXPECT_EQ(sum.cost_usd, nanos(3));
  sum += Usage{};
  EXPECT_EQ(sum.cost_usd, nanos(3)) << "nothing costs nothing";
  sum += used(1);
  EXPECT_FALSE(sum.cost_usd) << "never less than was spent";
  sum += used(1, nanos(4));
  EXPECT_FALSE(sum.cost_usd);
  EXPECT_EQ(sum.input_tokens, 4);
}

TEST(Usage, AKnownCostOfZeroIsNoUnknownOne) {
  Usage sum;
  sum += used(5, Usd());
  EXPECT_EQ(sum.cost_usd, Usd());
  EXPECT_EQ(json::write(sum).at("cost_usd").to_number<double>(), 0);
  EXPECT_FALSE(json::write(used(5)).as_object().contains("cost_usd"));
}

TEST(Usage, KeepsItsCostThroughTheProgressOfASuspendedTurn) {
  TurnProgress progress;
  progress.usage += used(7, nanos(1'234'567'891));
  const auto read = json::read<TurnProgress>(json::parse(json::serialize(json::write(progress))).value());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->usage.cost_usd, nanos(1'234'567'891));
}

TEST(Budget, OfAnAgentIsTheSameInTheSandboxAndAfterARestart) {
  AgentSpec agent;
  agent.limits.max_usd = nanos(1'234'567'891);
  const auto read = json::read<AgentSpec>(json::parse(json::serialize(json::write(agent))).value());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->limits.max_usd, agent.limits.max_usd);
  EXPECT_FALSE(json::write(AgentSpec{}).at("limits").as_object().contains("max_usd"));
}

TEST(Budget, IsMetWhenAllOfItIsUsedUp) {
  const Budget budget{100, nanos(1000)};
  EXPECT_FALSE(budget_met(budget, used(99, nanos(999))));
  EXPECT_EQ(budget_met(budget, used(100, nanos(0)))->limit, "max_tokens");
  EXPECT_EQ(budget_met(budget, used(1, nanos(1000)))->limit, "max_usd");
  EXPECT_FALSE(budget_met({}, used(1'000'000, nanos(1'000'000))));
}

TEST(Budget, SaysTheLimitAndWhatWasUsedUp) {
  EXPECT_EQ(budget_met({100, {}}, used(120))->problem,
            "limits.max_tokens is 100, and 120 tokens were used up");
  EXPECT_EQ(budget_met({{}, nanos(2'000'000)}, used(1, nanos(2'500'000)))->problem,
            "limits.max_usd is 0.002, and 0.0025 USD were spent");
}

TEST(Budget, OfMoneyIsMetByACostThatIsNotKnown) {
  const Budget budget{{}, nanos(1'000'000'000)};
  EXPECT_FALSE(budget_met(budget, Usage{})) << "before the first call nothing was spent";
  const auto met = budget_met(budget, used(1));
  ASSERT_TRUE(met);
  EXPECT_NE(met->problem.find("model.prices"), std::string::npos);
}

TEST(Budget, WarnsOfEachLimitAsItPassesFourFifths) {
  const Budget budget{100, nanos(1000)};
  EXPECT_TRUE(budget_warnings(budget, used(0), used(79, nanos(799))).empty());
  const auto tokens = budget_warnings(budget, used(79, nanos(0)), used(80, nanos(0)));
  ASSERT_EQ(tokens.size(), 1U);
  EXPECT_EQ(tokens[0].metadata.at("event"), "budget.warn");
  EXPECT_EQ(tokens[0].metadata.at("limit"), "max_tokens");
  EXPECT_EQ(tokens[0].metadata.at("used").to_number<int>(), 80);
  const auto both = budget_warnings(budget, used(0), used(500, nanos(5000)));
  ASSERT_EQ(both.size(), 2U);
  EXPECT_EQ(both[1].metadata.at("limit"), "max_usd");
  EXPECT_EQ(both[1].metadata.at("max").to_number<double>(), 0.000001);
  EXPECT_TRUE(budget_warnings(budget, used(80, nanos(800)), used(99, nanos(999))).empty()) << "once";
  EXPECT_TRUE(budget_warnings({}, used(0), used(500, nanos(5000))).empty());
}

}  // namespace
}  // namespace isa::sdk
