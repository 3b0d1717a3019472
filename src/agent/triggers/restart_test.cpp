// What becomes of triggers when the platform was not there. A crash is a store that holds what had been
// written until then.
#include "agent/test_platform.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using isa::testing::TempFolder;
using testing::Platform;

constexpr auto kAgent = "agent_01aaaaaaaaaaaaaaaaaaaaaaaa";

// The store of a platform that does not run.
using StoreWork = std::function<Task<void>(store::sqlite::SqliteStore&)>;
Task<void> with_store(const std::filesystem::path& folder, StoreWork work) {
  const auto store = store::sqlite::SqliteStore::open(folder / "isa.db").value();
  co_await work(*store);
}

// A platform that runs on what is there, until `body` is done.
Task<void> with_running(const std::filesystem::path& folder, std::function<Task<void>(Platform&)> body) {
  Platform platform(co_await asio::this_coro::executor, folder);
  EXPECT_TRUE(co_await platform.service->start());
  co_await body(platform);
  co_await platform.service->stop();
}

void run_in(const TempFolder& folder, StoreWork before, std::function<Task<void>(Platform&)> body) {
  const auto whole = [](const std::filesystem::path& at, StoreWork first,
                        std::function<Task<void>(Platform&)> then) -> Task<void> {
    co_await with_store(at, std::move(first));
    co_await with_running(at, std::move(then));
  };
  isa::testing::run(whole(folder.path(), std::move(before), std::move(body)));
}

Task<store::Trigger> stored_trigger(store::sqlite::SqliteStore& store, std::optional<Timestamp> due) {
  store::AgentConfig agent;
  agent.id = AgentId(kAgent);
  agent.owner_id = UserId("ann");
  agent.name = "watcher";
  agent.model_id = "builtin/demo";
  agent.env = store::ExecutionEnv::cloud_shared;
  agent.mode = store::Mode::PROACTIVE;
  agent.created_at = agent.updated_at = now();
  EXPECT_TRUE(co_await store.agent_configs().create(agent));
  store::Trigger t;
  t.id = store::TriggerId::make();
  t.owner_id = UserId("ann");
  t.agent_config_id = agent.id;
  t.name = "every hour";
  t.rule = {{"every_s", 3600}};
  t.prompt = "Look.";
  t.next_due_at = due;
  t.created_at = t.updated_at = now() - std::chrono::hours(100);
  EXPECT_TRUE(co_await store.triggers().create(t, "", 50));
  co_return t;
}

// A firing whose run was not there yet when the process ended.
Task<store::Firing> stored_firing(store::sqlite::SqliteStore& store, const store::Trigger& trigger) {
  store::Firing f;
  f.id = store::FiringId::make();
  f.run_id = RunId::make();
  f.session_id = SessionId::make();
  f.created_at = now();
  const store::TriggerDecision decide = [f](const store::Trigger& t, const json::object& memo, std::int64_t) {
    return Result<std::optional<store::TriggerStep>>(store::TriggerStep{t, memo, f, {}});
  };
  EXPECT_TRUE(co_await store.triggers().step(trigger.id, decide));
  co_return f;
}

Task<std::vector<store::Firing>> settled(Platform& p, store::TriggerId id, std::size_t count) {
  const Identity ann{.user = UserId("ann")};
  for (;;) {
    const auto page = co_await p.store->triggers().firings(ann, id, "", 100);
    const bool has_open = std::ranges::any_of(page->items, [](const auto& f) { return !f.ended_at; });
    if (page->items.size() >= count && !has_open) co_return page->items;
    co_await sleep_for(std::chrono::milliseconds(2));
  }
}

TEST(TriggerRestart, AMissedScheduleRunsOnceHoweverManyTimesItWasMissed) {
  const TempFolder folder;
  store::Trigger trigger;
  const auto due = from_millis(to_millis(now()) - 10 * 3'600'000);
  run_in(
      folder,
      [&](store::sqlite::SqliteStore& store) -> Task<void> { trigger = co_await stored_trigger(store, due); },
      [&](Platform& p) -> Task<void> {
        const auto all = co_await settled(p, trigger.id, 1);
        EXPECT_EQ(all.size(), 1u);
        EXPECT_EQ(all[0].due_at, due);
        EXPECT_EQ(all[0].state, store::FiringState::succeeded);
        EXPECT_EQ(p.model.requests.size(), 1u);
        const auto after = co_await p.store->triggers().find({.user = UserId("ann")}, trigger.id);
        EXPECT_GT(*after->next_due_at, now());
      });
  // And not again at the next start.
  run_in(
      folder, [](store::sqlite::SqliteStore&) -> Task<void> { co_return; },
      [&](Platform& p) -> Task<void> {
        EXPECT_EQ((co_await settled(p, trigger.id, 1)).size(), 1u);
        EXPECT_EQ(p.model.requests.size(), 0u);
      });
}

TEST(TriggerRestart, ARecordedFiringGetsTheRunThatItWasRecordedWith) {
  const TempFolder folder;
  store::Trigger trigger;
  store::Firing firing;
  run_in(
      folder,
      [&](store::sqlite::SqliteStore& store) -> Task<void> {
        trigger = co_await stored_trigger(store, {});
        firing = co_await stored_firing(store, trigger);
      },
      [&](Platform& p) -> Task<void> {
        const auto all = co_await settled(p, trigger.id, 1);
        EXPECT_EQ(all[0].state, store::FiringState::succeeded);
        const auto run = co_await p.store->runs().find({.user = UserId("ann")}, firing.run_id);
        EXPECT_TRUE(run && run->state == store::RunState::succeeded);
      });
}

TEST(TriggerRestart, ARunThatWasCutOffIsNotRunAgain) {
  const TempFolder folder;
  store::Trigger trigger;
  run_in(
      folder,
      [&](store::sqlite::SqliteStore& store) -> Task<void> {
        trigger = co_await stored_trigger(store, {});
        const auto firing = co_await stored_firing(store, trigger);
        store::Session session;
        session.id = firing.session_id;
        session.owner_id = UserId("ann");
        session.created_at = session.updated_at = now();
        EXPECT_TRUE(co_await store.sessions().create(session));
        store::Run run;
        run.id = firing.run_id;
        run.session_id = firing.session_id;
        run.owner_id = UserId("ann");
        run.state = store::RunState::running;
        run.created_at = now();
        EXPECT_TRUE(co_await store.runs().create(run));
      },
      [&](Platform& p) -> Task<void> {
        const auto all = co_await settled(p, trigger.id, 1);
        EXPECT_EQ(all.size(), 1u);
        EXPECT_EQ(all[0].state, store::FiringState::interrupted);
        EXPECT_EQ(p.model.requests.size(), 0u);
        const auto after = co_await p.store->triggers().find({.user = UserId("ann")}, trigger.id);
        EXPECT_EQ(after->failures, 0);
      });
}

TEST(TriggerRestart, AFiringWhoseSessionIsGoneEndsAsCancelled) {
  const TempFolder folder;
  store::Trigger trigger;
  run_in(
      folder,
      [&](store::sqlite::SqliteStore& store) -> Task<void> {
        trigger = co_await stored_trigger(store, {});
        const auto firing = co_await stored_firing(store, trigger);
        EXPECT_TRUE(co_await store.triggers().mark_started(firing.id));
      },
      [&](Platform& p) -> Task<void> {
        const auto all = co_await settled(p, trigger.id, 1);
        EXPECT_EQ(all[0].state, store::FiringState::cancelled);
        EXPECT_EQ(p.model.requests.size(), 0u);
      });
}

TEST(TriggerRestart, AStopLeavesAFiringUnderWayToTheNextStart) {
  const TempFolder folder;
  store::Trigger trigger;
  run_in(
      folder,
      [&](store::sqlite::SqliteStore& store) -> Task<void> {
        trigger = co_await stored_trigger(store, now());
      },
      [&](Platform& p) -> Task<void> {
        p.model.pause_after = 1;
        co_await p.model.wait_for_requests(1);  // The platform stops in the middle of the run.
      });
  run_in(
      folder, [](store::sqlite::SqliteStore&) -> Task<void> { co_return; },
      [&](Platform& p) -> Task<void> {
        const auto all = co_await settled(p, trigger.id, 1);
        EXPECT_EQ(all.size(), 1u);
        EXPECT_EQ(all[0].state, store::FiringState::interrupted);
        EXPECT_EQ(p.model.requests.size(), 0u);
      });
}

}  // namespace
}  // namespace isa::agent
