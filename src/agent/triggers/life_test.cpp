#include "agent/triggers/life.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using store::FiringCause;
using store::FiringState;
using store::Trigger;

Timestamp second(std::int64_t n) {
  return from_millis(1'700'000'040'000 + n * 1000);  // Second 0 is a full minute.
}
Trigger scheduled(std::string_view rule, std::int64_t cooldown_s = 60) {
  Trigger t;
  t.id = store::TriggerId("trig_1");
  t.type = store::TriggerType::schedule;
  t.rule = json::parse(rule).value().as_object();
  t.cooldown_s = cooldown_s;
  t.created_at = second(0);
  return enabled(t, second(0)).value();
}
Trigger listening(std::int64_t cooldown_s = 60) {
  auto t = scheduled(R"({"every_s":5})", cooldown_s);
  t.type = store::TriggerType::pattern;
  t.rule = {{"event", "e"}};
  t.next_due_at.reset();
  return t;
}
Cause cause(FiringCause why) {
  return {store::FiringId::make(), RunId::make(), SessionId("sess_new"), why, {}, {}};
}
std::string code_of(const std::optional<Error>& error) {
  return error ? std::string(error->code()) : "free";
}
// Seconds after second(0) of the next due time; -1 when there is none.
std::int64_t due(const Trigger& t) {
  return t.next_due_at ? (*t.next_due_at - second(0)).count() / 1000 : -1;
}

const TriggerPolicy kPolicy;

TEST(TriggerLife, AfterItFiredATriggerRestsForItsCooldown) {
  const auto t = fired(listening(), {}, cause(FiringCause::event), second(0)).value().trigger;
  EXPECT_EQ(t.fire_count, 1);
  EXPECT_EQ(t.last_fired_at, second(0));
  const auto held = hold_of(t, 0, second(59), kPolicy);
  EXPECT_EQ(code_of(held), "trigger_cooldown");
  EXPECT_EQ(held->retry_after(), std::chrono::seconds(1));
  EXPECT_EQ(code_of(hold_of(t, 0, second(60), kPolicy)), "free");
}

TEST(TriggerLife, ADisabledOneAndOneWithTooManyOpenRunsAreHeld) {
  EXPECT_EQ(code_of(hold_of(disabled(listening(), "because", second(0)), 0, second(0), kPolicy)),
            "trigger_disabled");
  EXPECT_EQ(code_of(hold_of(listening(), kPolicy.max_open, second(0), kPolicy)), "trigger_busy");
  EXPECT_EQ(code_of(hold_of(listening(), kPolicy.max_open - 1, second(0), kPolicy)), "free");
}

TEST(TriggerLife, EveryMinuteWithACooldownOfAMinuteFiresEveryMinute) {
  auto t = scheduled(R"({"cron":"* * * * *"})");
  EXPECT_EQ(due(t), 60);
  for (int i = 1; i < 5; ++i) {
    // A little late each time.
    auto step =
        fired(t, {}, cause(FiringCause::schedule), *t.next_due_at + std::chrono::milliseconds(700)).value();
    EXPECT_EQ(step.firing->due_at, second(60 * i));
    t = step.trigger;
    EXPECT_EQ(due(t), 60 * (i + 1));
  }
}

TEST(TriggerLife, ACooldownThinsAScheduleOut) {
  auto t = scheduled(R"({"every_s":10})", 35);
  t = fired(t, {}, cause(FiringCause::schedule), second(10)).value().trigger;
  EXPECT_EQ(due(t), 50);  // Not before 45.
}

TEST(TriggerLife, WhatWasMissedIsOneFiringWithTheTimeItWasDueFirst) {
  auto t = scheduled(R"({"cron":"* * * * *"})");
  const auto step = fired(t, {}, cause(FiringCause::schedule), second(1000)).value();
  EXPECT_EQ(step.firing->due_at, second(60));
  EXPECT_EQ(step.firing->created_at, second(1000));
  EXPECT_EQ(due(step.trigger), 1080);  // 1020 would be within the rest that begins now.
}

TEST(TriggerLife, OneTimeIsOverWhenItHasFired) {
  auto t = scheduled(fmt::format(R"({{"at":"{}"}})", to_rfc3339(second(30))));
  EXPECT_EQ(due(t), 30);
  t = fired(t, {}, cause(FiringCause::schedule), second(31)).value().trigger;
  EXPECT_FALSE(t.enabled);
  EXPECT_TRUE(t.disabled_reason);
  const auto again = enabled(t, second(40));
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().param(), "/rule/at");
}

TEST(TriggerLife, ATestLeavesTheTriggerAsItWas) {
  const auto before = scheduled(R"({"every_s":10})");
  const auto step = fired(before, {{"times", 1}}, cause(FiringCause::test), second(5)).value();
  EXPECT_EQ(json::write(step.trigger), json::write(before));
  EXPECT_EQ(step.memo, (json::object{{"times", 1}}));
  EXPECT_FALSE(step.firing->due_at);
}

TEST(TriggerLife, AFixedSessionIsTheOneOfEachFiring) {
  auto t = listening();
  EXPECT_EQ(fired(t, {}, cause(FiringCause::event), second(0))->firing->session_id, SessionId("sess_new"));
  t.session_id = SessionId("sess_fixed");
  EXPECT_EQ(fired(t, {}, cause(FiringCause::event), second(0))->firing->session_id, SessionId("sess_fixed"));
}

TEST(TriggerLife, EachFailureMakesThePauseLongerAndTheLastDisables) {
  auto t = listening(0);
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 4; ++i) {
    t = run_ended(t, FiringState::failed, "no model", false, second(100), kPolicy);
    pauses.push_back((*t.not_before - second(100)).count() / 1000);
  }
  EXPECT_EQ(pauses, (std::vector<std::int64_t>{30, 60, 120, 240}));
  EXPECT_TRUE(t.enabled);
  t = run_ended(t, FiringState::failed, "no model", false, second(100), kPolicy);
  EXPECT_FALSE(t.enabled);
  EXPECT_EQ(t.disabled_reason, "5 runs failed one after the other; the last: no model");
}

TEST(TriggerLife, ThePauseHasALimit) {
  auto t = listening(0);
  TriggerPolicy patient;
  patient.max_failures = 1'000;
  for (int i = 0; i < 200; ++i) t = run_ended(t, FiringState::failed, "x", false, second(0), patient);
  EXPECT_EQ(*t.not_before, second(3600));
}

TEST(TriggerLife, AFailureMovesTheNextTimeOfASchedule) {
  auto t =
      fired(scheduled(R"({"every_s":10})", 0), {}, cause(FiringCause::schedule), second(10)).value().trigger;
  EXPECT_EQ(due(t), 20);
  t = run_ended(t, FiringState::failed, "x", false, second(11), kPolicy);
  EXPECT_EQ(due(t), 50);  // 41 is the end of the pause.
}

TEST(TriggerLife, SuccessForgetsFailuresAndACancelledRunSaysNothing) {
  auto t = run_ended(listening(), FiringState::failed, "x", false, second(0), kPolicy);
  for (const auto end : {FiringState::cancelled, FiringState::interrupted}) {
    const auto same = run_ended(t, end, "", false, second(9), kPolicy);
    EXPECT_EQ(json::write(same), json::write(t));
  }
  EXPECT_EQ(run_ended(t, FiringState::succeeded, "", false, second(9), kPolicy).failures, 0);
}

TEST(TriggerLife, WhereNoRunCanBeginItIsDisabledAtOnce) {
  const auto t = run_ended(listening(), FiringState::failed, "the agent is gone", true, second(0), kPolicy);
  EXPECT_FALSE(t.enabled);
  EXPECT_EQ(t.disabled_reason, "the agent is gone");
}

TEST(TriggerLife, EnablingForgetsWhatWas) {
  auto t = run_ended(listening(), FiringState::failed, "gone", true, second(0), kPolicy);
  t = enabled(t, second(5)).value();
  EXPECT_TRUE(t.enabled);
  EXPECT_FALSE(t.disabled_reason);
  EXPECT_EQ(t.failures, 0);
  EXPECT_EQ(code_of(hold_of(t, 0, second(5), kPolicy)), "free");
}

}  // namespace
}  // namespace isa::agent
