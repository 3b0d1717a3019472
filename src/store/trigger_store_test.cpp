#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::person;
using testing::run;

constexpr std::int64_t kLimit = 50;

class TriggerStoreTest : public contract::StoreContract {
 protected:
  TriggerStore& store() { return engine_->triggers(); }

  static Trigger trigger(TriggerType type = TriggerType::schedule, std::string user = "ann") {
    Trigger t;
    t.id = TriggerId::make();
    t.owner_id = UserId(std::move(user));
    t.agent_config_id = AgentId("agent_1");
    t.name = "a trigger";
    t.type = type;
    t.rule = {{"cron", "* * * * *"}};
    t.prompt = "look";
    t.created_at = t.updated_at = from_millis(1000);
    return t;
  }
  Trigger created(Trigger t, std::string secret = "") {
    EXPECT_TRUE(run(store().create(t, std::move(secret), kLimit)));
    return t;
  }
  Trigger due_at(std::int64_t millis) {
    auto t = trigger();
    t.next_due_at = from_millis(millis);
    return created(t);
  }
  static Firing firing(std::int64_t created = 5000) {
    Firing f;
    f.id = FiringId::make();
    f.run_id = RunId::make();
    f.session_id = SessionId::make();
    f.payload = {{"a", 1}};
    f.created_at = from_millis(created);
    return f;
  }
  static TriggerDecision firing_once(Firing f, std::optional<std::string> once = {}) {
    return [f, once](const Trigger& t, const json::object& memo, std::int64_t) {
      TriggerStep step{t, memo, f, once};
      step.trigger.fire_count += 1;
      return Result<std::optional<TriggerStep>>(std::move(step));
    };
  }
  static Result<std::optional<TriggerStep>> nothing(const Trigger&, const json::object&, std::int64_t) {
    return std::nullopt;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, TriggerStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(TriggerStoreTest, ATriggerIsSeenByItsOwnerAlone) {
  const auto t = due_at(7000);
  EXPECT_EQ(json::write(run(store().find(person("ann"), t.id)).value()), json::write(t));
  EXPECT_EQ(failure(run(store().find(person("bob"), t.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().remove(person("bob"), t.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().firings(person("bob"), t.id, "", 10))), ErrorKind::not_found);
  EXPECT_EQ(run(store().list(person("bob"))).value().size(), 0u);
  EXPECT_EQ(run(store().list(person("ann"))).value().size(), 1u);
  EXPECT_TRUE(run(store().find(contract::platform(), t.id)));
}

TEST_P(TriggerStoreTest, AUserHasNoMoreTriggersThanTheLimit) {
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(store().create(trigger(), "", 3)));
  EXPECT_EQ(failure(run(store().create(trigger(), "", 3))), ErrorKind::quota_exceeded);
  EXPECT_TRUE(run(store().create(trigger(TriggerType::schedule, "bob"), "", 3)));
  ASSERT_TRUE(run(store().remove(person("ann"), run(store().list(person("ann")))->front().id)));
  EXPECT_TRUE(run(store().create(trigger(), "", 3)));
}

TEST_P(TriggerStoreTest, TheSealedSecretIsFoundForAWebhookOnly) {
  const std::string sealed("sealed\0bytes", 12);
  const auto hook = created(trigger(TriggerType::webhook), sealed);
  EXPECT_EQ(run(store().webhook(hook.id)).value().second, sealed);
  EXPECT_EQ(failure(run(store().webhook(due_at(1).id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().webhook(TriggerId("trig_none")))), ErrorKind::not_found);
}

TEST_P(TriggerStoreTest, WhatIsDueComesEarliestFirstAndTheNextIsKnown) {
  const auto second = due_at(3000), first = due_at(2000);
  due_at(9000);
  const auto due = run(store().due(from_millis(3000), 10)).value();
  ASSERT_EQ(due.size(), 2u);
  EXPECT_EQ(due[0].id, first.id);
  EXPECT_EQ(due[1].id, second.id);
  EXPECT_EQ(run(store().due(from_millis(3000), 1)).value().size(), 1u);
  EXPECT_EQ(run(store().next_due()).value(), from_millis(2000));
}

TEST_P(TriggerStoreTest, ADisabledScheduleIsNeverDue) {
  const auto t = due_at(2000);
  ASSERT_TRUE(run(store().step(t.id, [](const Trigger& now, const json::object& memo, std::int64_t) {
    TriggerStep step{now, memo, {}, {}};
    step.trigger.enabled = false;
    return Result<std::optional<TriggerStep>>(std::move(step));
  })));
  EXPECT_EQ(run(store().due(from_millis(9000), 10)).value().size(), 0u);
  EXPECT_EQ(run(store().next_due()).value(), std::nullopt);
  EXPECT_EQ(run(store().find(person("ann"), t.id)).value().next_due_at, std::nullopt);
}

TEST_P(TriggerStoreTest, AFiringAndTheStepOfItsTriggerAreOneTransaction) {
  const auto t = due_at(2000);
  const auto f = firing();
  const auto made = run(store().step(t.id, firing_once(f, "due:2000"))).value();
  ASSERT_TRUE(made);
  EXPECT_EQ(made->trigger_id, t.id);
  EXPECT_EQ(run(store().find(person("ann"), t.id))->fire_count, 1);
  // The same once more: neither the firing nor the step.
  EXPECT_EQ(failure(run(store().step(t.id, firing_once(firing(), "due:2000")))), ErrorKind::conflict);
  EXPECT_EQ(run(store().find(person("ann"), t.id))->fire_count, 1);
  EXPECT_TRUE(run(store().step(t.id, firing_once(firing(), "due:3000"))));
  EXPECT_TRUE(run(store().step(due_at(1).id, firing_once(firing(), "due:2000"))));  // Of another trigger.
  const auto listed = run(store().firings(person("ann"), t.id, "", 10)).value().items;
  ASSERT_EQ(listed.size(), 2u);
  EXPECT_EQ(run(store().find_firing(person("ann"), f.id)).value().payload, f.payload);
  EXPECT_EQ(failure(run(store().find_firing(person("bob"), f.id))), ErrorKind::not_found);
}

TEST_P(TriggerStoreTest, WhatARuleRemembersComesBackAtTheNextStep) {
  const auto t = created(trigger(TriggerType::pattern));
  const auto count = [](const Trigger& now, const json::object& memo, std::int64_t) {
    TriggerStep step{now, memo, {}, {}};
    const auto* seen = memo.if_contains("seen");
    step.memo["seen"] = (seen ? seen->as_int64() : 0) + 1;
    step.trigger.fire_count = step.memo["seen"].as_int64();
    return Result<std::optional<TriggerStep>>(std::move(step));
  };
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(run(store().step(t.id, count)));
  EXPECT_EQ(run(store().find(person("ann"), t.id))->fire_count, 3);
}

TEST_P(TriggerStoreTest, AnErrorOfTheDecisionWritesNothing) {
  const auto t = due_at(2000);
  const auto refuse = [](const Trigger&, const json::object&, std::int64_t) {
    return Result<std::optional<TriggerStep>>(conflict("it rests"));
  };
  EXPECT_EQ(failure(run(store().step(t.id, refuse))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().step(TriggerId("trig_none"), nothing))), ErrorKind::not_found);
  EXPECT_EQ(json::write(run(store().find(person("ann"), t.id)).value()), json::write(t));
}

TEST_P(TriggerStoreTest, OnlyEnabledPatternsAndThresholdsOfTheUserListen) {
  const auto a = created(trigger(TriggerType::pattern)), b = created(trigger(TriggerType::threshold));
  created(trigger(TriggerType::webhook));
  created(trigger(TriggerType::pattern, "bob"));
  auto off = trigger(TriggerType::pattern);
  off.enabled = false;
  created(off);
  std::vector<TriggerId> ids;
  for (const auto& one : run(store().listening(UserId("ann"))).value()) ids.push_back(one.id);
  std::vector<TriggerId> wanted{a.id, b.id};
  std::ranges::sort(wanted);
  EXPECT_EQ(ids, wanted);
}

TEST_P(TriggerStoreTest, AnOpenFiringIsCountedUntilItsFirstEnd) {
  const auto t = due_at(2000);
  const auto f = firing();
  ASSERT_TRUE(run(store().step(t.id, firing_once(f))));
  ASSERT_TRUE(run(store().mark_started(f.id)));
  EXPECT_EQ(run(store().open_firings()).value().at(0).state, FiringState::started);
  const auto fail = [](const Trigger& now, const json::object& memo, std::int64_t open) {
    EXPECT_EQ(open, 0);
    TriggerStep step{now, memo, {}, {}};
    step.trigger.failures += 1;
    return Result<std::optional<TriggerStep>>(std::move(step));
  };
  const auto at = from_millis(9000);
  ASSERT_TRUE(run(store().end_firing(f.id, FiringState::failed, "no model", at, fail)));
  ASSERT_TRUE(run(store().end_firing(f.id, FiringState::succeeded, {}, at, fail)));  // It has ended.
  const auto ended = run(store().find_firing(person("ann"), f.id)).value();
  EXPECT_EQ(ended.state, FiringState::failed);
  EXPECT_EQ(ended.error, "no model");
  EXPECT_EQ(ended.ended_at, at);
  EXPECT_EQ(run(store().find(person("ann"), t.id))->failures, 1);
  EXPECT_EQ(run(store().open_firings()).value().size(), 0u);
  EXPECT_EQ(failure(run(store().end_firing(f.id, FiringState::started, {}, at, fail))),
            ErrorKind::internal_error);
}

TEST_P(TriggerStoreTest, FiringsGoWithTheirTrigger) {
  const auto t = due_at(2000);
  const auto f = firing();
  ASSERT_TRUE(run(store().step(t.id, firing_once(f))));
  ASSERT_TRUE(run(store().remove(person("ann"), t.id)));
  EXPECT_EQ(run(store().open_firings()).value().size(), 0u);
  EXPECT_EQ(failure(run(store().find_firing(person("ann"), f.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().end_firing(f.id, FiringState::failed, {}, from_millis(1), nothing))),
            ErrorKind::not_found);
}

TEST_P(TriggerStoreTest, FiringsArePagedNewestFirstAndOldOnesGo) {
  const auto t = due_at(2000);
  const std::int64_t hour = 3'600'000;
  for (int i = 0; i < 5; ++i) {
    const auto f = firing(1000 + i);
    ASSERT_TRUE(run(store().step(t.id, firing_once(f))));
    if (i > 0)
      ASSERT_TRUE(run(store().end_firing(f.id, FiringState::succeeded, {}, from_millis(1), nothing)));
  }
  const auto first = run(store().firings(person("ann"), t.id, "", 3)).value();
  EXPECT_EQ(first.items.size(), 3u);
  EXPECT_EQ(first.items[0].created_at, from_millis(1004));
  const auto rest = run(store().firings(person("ann"), t.id, first.next_cursor, 3)).value();
  EXPECT_EQ(rest.items.size(), 2u);
  EXPECT_EQ(rest.next_cursor, "");

  for (std::size_t i = 0; i < TriggerStore::kFiringsKept; ++i)
    ASSERT_TRUE(run(store().step(t.id, firing_once(firing(3 * hour + static_cast<std::int64_t>(i))))));
  const auto kept = run(store().firings(person("ann"), t.id, "", 1000)).value().items;
  // Those that have ended are gone, the open one is not.
  EXPECT_EQ(kept.size(), TriggerStore::kFiringsKept + 1);
  EXPECT_EQ(kept.back().created_at, from_millis(1000));
}

}  // namespace
}  // namespace isa::store
