// Turns under a limit of tokens or of money.
#include "sdk/loop_test_support.h"

namespace isa::sdk {
namespace {

using namespace testing;

struct BudgetedLoop : Loop {
  Usd limit = Usd::of_nanos(1000);

  BudgetedLoop() { agent.limits.max_usd = limit; }
  std::vector<Event> warnings() const {
    std::vector<Event> found;
    for (const auto& event : events)
      if (const auto* name = event.metadata.if_contains("event"); name && *name == "budget.warn")
        found.push_back(event);
    return found;
  }
  std::string limit_met() const { return std::string(events.back().metadata.at("limit").as_string()); }
};

TEST_F(BudgetedLoop, NoModelIsAskedOnceTheMoneyIsSpent) {
  model.cost = Usd::of_nanos(600);
  for (int i = 0; i < 3; ++i) model.calls({{"echo", json::serialize(json::object{{"i", i}})}});

  const auto outcome = turn();

  EXPECT_EQ(subtype(), "error_budget");
  EXPECT_EQ(limit_met(), "max_usd");
  EXPECT_EQ(events.back().metadata.at("problem"), "limits.max_usd is 0.000001, and 0.0000012 USD were spent");
  EXPECT_EQ(model.requests.size(), 2U);
  EXPECT_EQ(outcome.progress.usage.cost_usd, Usd::of_nanos(1200));
  EXPECT_EQ(events.back().metadata.at("usage").at("cost_usd").to_number<double>(), 0.0000012);
  EXPECT_EQ(terminal_events(), 1);
  expect_no_orphans(outcome.new_messages);
}

TEST_F(BudgetedLoop, AnAnswerThatCostsTheWholeBudgetIsStillAnAnswer) {
  model.cost = limit;
  model.says("done");
  turn();
  EXPECT_EQ(subtype(), "success");
}

TEST_F(BudgetedLoop, WhatWasSpentBeforeASuspensionCounts) {
  agent.approvals = {"echo"};
  model.cost = Usd::of_nanos(600);
  model.calls({{"echo", R"({"i":1})"}});
  model.calls({{"echo", R"({"i":2})"}});
  auto first = turn();
  ASSERT_EQ(first.pending.size(), 1U);

  auto second = resumed(std::move(first), {{.run = true}});
  ASSERT_EQ(second.pending.size(), 1U);
  const auto last = resumed(std::move(second), {{.run = true}});

  EXPECT_EQ(model.requests.size(), 2U);
  EXPECT_EQ(subtype(), "error_budget");
  EXPECT_EQ(last.progress.usage.cost_usd, Usd::of_nanos(1200));
}

TEST_F(BudgetedLoop, AWarningComesOnceAlsoOverASuspension) {
  agent.limits.max_tokens = 1000;
  agent.approvals = {"echo"};
  model.cost = Usd::of_nanos(850);
  model.calls({{"echo", R"({"i":1})"}});
  auto first = turn();
  ASSERT_EQ(warnings().size(), 1U);
  EXPECT_EQ(warnings()[0].metadata.at("limit"), "max_usd");
  model.cost = Usd::of_nanos(10);
  model.says("done");

  resumed(std::move(first), {{.run = true}});

  EXPECT_EQ(subtype(), "success");
  EXPECT_EQ(warnings().size(), 1U);
}

TEST_F(BudgetedLoop, TokensAreWarnedOfToo) {
  agent.limits.max_usd.reset();
  agent.limits.max_tokens = 18;  // A call uses 15.
  model.says("done");
  turn();
  ASSERT_EQ(warnings().size(), 1U);
  EXPECT_EQ(warnings()[0].metadata.at("limit"), "max_tokens");
  EXPECT_EQ(subtype(), "success");
}

TEST_F(BudgetedLoop, ACostThatIsNotKnownEndsTheRunAndIsNotSaidToBeZero) {
  model.calls({{"echo", "{}"}});
  turn();
  EXPECT_EQ(subtype(), "error_budget");
  EXPECT_EQ(limit_met(), "max_usd");
  EXPECT_EQ(model.requests.size(), 1U);
  EXPECT_FALSE(events.back().metadata.at("usage").as_object().contains("cost_usd"));
}

TEST_F(BudgetedLoop, ASummaryCountsAsAModelCall) {
  agent.limits.context_tokens = 200;
  model.cost = limit;
  model.says("in short");  // The summary.
  std::vector<Message> history;
  for (int i = 0; i < 40; ++i) {
    history.push_back(Message::make(ChatRole::user, std::string(100, 'a')));
    history.push_back(Message::make(ChatRole::assistant, std::string(100, 'b')));
  }

  turn(std::move(history));

  EXPECT_EQ(model.requests.size(), 1U) << "the question itself could not be paid any more";
  EXPECT_EQ(subtype(), "error_budget");
}

TEST_F(BudgetedLoop, CancellingDuringTheWarningLeavesNoCallWithoutItsResult) {
  model.cost = Usd::of_nanos(900);
  model.calls({{"echo", "{}"}});
  bool is_warned = false;
  during_event = [&](const Event& event) {
    is_warned = is_warned || event.content.value_or("").find("limits.max_usd") != std::string::npos;
  };
  model.steps.push_back({.hangs = true});

  const auto outcome = cancelled_turn([&] { return is_warned; });

  EXPECT_EQ(subtype(), "interrupted");
  expect_no_orphans(outcome.new_messages);
}

// What the broker of a sandbox says when programs beside the agent have used up what the run had.
TEST_F(BudgetedLoop, ACallThatIsRefusedForTheLimitOfTheRunEndsItThere) {
  model.cost = Usd::of_nanos(1);
  model.calls({{"echo", "{}"}});
  auto refusal =
      make_error(ErrorKind::insufficient_credits, "limits.max_tokens is 5, and 9 tokens were used up")
          .with_code("budget_exceeded")
          .with_param("max_tokens");
  model.steps.push_back({.error = refusal});

  const auto outcome = turn();

  EXPECT_EQ(subtype(), "error_budget");
  EXPECT_EQ(limit_met(), "max_tokens");
  EXPECT_EQ(std::string(events.back().metadata.at("problem").as_string()), refusal.message());
  EXPECT_EQ(events.back().metadata.at("num_turns"), 1);
  expect_no_orphans(outcome.new_messages);
}

TEST_F(BudgetedLoop, ABudgetOfAProviderIsAnErrorOfTheModel) {
  model.steps.push_back({.error = make_error(ErrorKind::insufficient_credits, "the key's budget is used up")
                                      .with_code("budget_exceeded")});
  turn();
  EXPECT_EQ(events.back().type, EventType::error);
  EXPECT_EQ(events.back().metadata.at("code"), "budget_exceeded");
}

}  // namespace
}  // namespace isa::sdk
