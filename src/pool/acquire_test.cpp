#include "pool/testing.h"

#include <set>

namespace isa::pool::testing {
namespace {

TEST(Acquire, HandsOutAWarmInstanceThatIsBoundAndInitialisedForItsCaller) {
  with_pool(small_pool(2, 4), [](World& world) -> Task<void> {
    auto request = request_of("s1");
    request.org_id = OrgId("org");
    request.config = json::object{{"env", json::object{{"COLOUR", "blue"}}}};
    const auto got = co_await acquired(world, request);
    EXPECT_TRUE(got.warm);
    EXPECT_FALSE(got.resumed);
    EXPECT_EQ(got.cold_reason, std::nullopt);
    EXPECT_GT(got.lease.fencing_token, 0);

    const auto row = must(co_await world.store->pool().find(got.instance_id));
    EXPECT_EQ(row.state, State::leased);
    EXPECT_EQ(row.lease->session_id, SessionId("s1"));
    const auto& binding = world.vms.binding(row.sandbox_id);
    EXPECT_EQ(binding.user_id, UserId("alice"));
    EXPECT_EQ(binding.org_id, OrgId("org"));
    EXPECT_EQ(binding.lease_id, got.lease.id.value());
    const auto& init = world.vms.init(row.sandbox_id);
    EXPECT_EQ(init.session_id, "s1");
    EXPECT_EQ(init.env.at("COLOUR"), "blue");
    EXPECT_EQ(init.hostname.find('_'), std::string::npos);
  });
}

TEST(Acquire, GivesASessionItsInstanceAgain) {
  with_pool(small_pool(2, 4), [](World& world) -> Task<void> {
    const auto first = co_await acquired(world, request_of("s1"));
    const auto second = co_await acquired(world, request_of("s1"));
    const auto other = co_await acquired(world, request_of("s2"));
    EXPECT_EQ(second.instance_id, first.instance_id);
    EXPECT_EQ(second.lease.fencing_token, first.lease.fencing_token);
    EXPECT_TRUE(second.resumed);
    EXPECT_NE(other.instance_id, first.instance_id);
    EXPECT_GT(other.lease.fencing_token, first.lease.fencing_token);
  });
}

TEST(Acquire, GivesConcurrentCallersOfOneSessionOneInstance) {
  with_pool(small_pool(3, 6), [](World& world) -> Task<void> {
    const auto one = start_acquire(world, request_of("s1"));
    const auto two = start_acquire(world, request_of("s1"));
    const auto first = must(co_await one->get());
    const auto second = must(co_await two->get());
    EXPECT_EQ(first.instance_id, second.instance_id);
    EXPECT_EQ(world.fleet().count(State::leased), 1U);
  });
}

TEST(Acquire, HidesASessionFromOtherUsers) {
  with_pool(small_pool(2, 4), [](World& world) -> Task<void> {
    co_await acquired(world, request_of("s1", "alice"));
    const auto refused = co_await world.service->acquire("agent", request_of("s1", "mallory"));
    EXPECT_EQ(kind_of(refused.error()), "not_found");
  });
}

TEST(Acquire, FollowsTheAllowListThatAResumedSessionComesWith) {
  with_pool(small_pool(1, 2), [](World& world) -> Task<void> {
    auto request = request_of("s1");
    request.config = json::object{{"egress", json::array{"a.test"}}};
    const auto got = co_await acquired(world, request);
    const auto sandbox = world.fleet().find(got.instance_id)->sandbox_id;
    EXPECT_EQ(world.vms.binding(sandbox).egress, std::vector<std::string>{"a.test"});
    request.config = json::object{{"egress", json::array{"b.test"}}};
    EXPECT_TRUE((co_await acquired(world, request)).resumed);
    EXPECT_EQ(world.vms.binding(sandbox).egress, std::vector<std::string>{"b.test"});
    request.config.reset();
    EXPECT_TRUE((co_await acquired(world, request)).resumed);
    EXPECT_FALSE(world.vms.binding(sandbox).egress);
  });
}

TEST(Acquire, GoesColdWhenNothingIsWarmAndSaysSo) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto got = co_await acquired(world, request_of("s1"));
    EXPECT_FALSE(got.warm);
    EXPECT_EQ(got.cold_reason, "no warm instance");
  });
}

TEST(Acquire, SettlesAnInstanceThatCannotBeBoundAndGoesCold) {
  with_pool(small_pool(1, 4), [](World& world) -> Task<void> {
    const auto warm = world.fleet().all().front();
    world.vms.failing_binds = 1;
    const auto got = co_await acquired(world, request_of("s1"));
    EXPECT_NE(got.instance_id, warm->id);
    EXPECT_FALSE(got.warm);
    EXPECT_NE(got.cold_reason->find("the broker is out of order"), std::string::npos);
    co_await until(world, [&] { return warm->state == State::destroyed; });
    EXPECT_FALSE(world.vms.exists(warm->sandbox_id));
    const auto stats = co_await world.service->stats("agent");
    EXPECT_EQ(stats->failed_total, 1);
  });
}

TEST(Acquire, AnswersWithTheQueuePositionWhenNothingComesFreeInTime) {
  with_pool(small_pool(0, 1), [](World& world) -> Task<void> {
    co_await acquired(world, request_of("s1"));
    const auto waiting = start_acquire(world, request_of("s2"));
    co_await until(world, [&] { return world.pool().stats().waiting == 1; });
    auto impatient = request_of("s3");
    impatient.timeout = 0;
    const auto refused = co_await world.service->acquire("agent", impatient);
    EXPECT_EQ(kind_of(refused.error()), "service_unavailable");
    EXPECT_EQ(refused.error().code(), "pool_exhausted");
    EXPECT_TRUE(refused.error().retry_after().has_value());
    EXPECT_NE(refused.error().message().find("number 2 in the queue"), std::string::npos);
    co_await waiting->cancel();
  });
}

TEST(Acquire, ServesTheQueueInOrder) {
  with_pool(small_pool(0, 1), [](World& world) -> Task<void> {
    auto holder = co_await acquired(world, request_of("s0"));
    const auto first = start_acquire(world, request_of("s1"));
    co_await until(world, [&] { return world.pool().stats().waiting == 1; });
    const auto second = start_acquire(world, request_of("s2"));
    co_await until(world, [&] { return world.pool().stats().waiting == 2; });

    co_await world.service->release("agent", holder.instance_id, holder.lease.fencing_token);
    holder = must(co_await first->get());
    EXPECT_FALSE(second->is_done());
    co_await world.service->release("agent", holder.instance_id, holder.lease.fencing_token);
    EXPECT_TRUE((co_await second->get()).has_value());
  });
}

TEST(Acquire, FailsFastWithTheReasonWhenNothingCanBeCreated) {
  auto settings = small_pool(0, 2);
  settings.retry_first = std::chrono::milliseconds(20);
  with_pool(settings, [](World& world) -> Task<void> {
    world.vms.failing_creates = 1000;
    const auto refused = co_await world.service->acquire("agent", request_of("s1"));
    EXPECT_EQ(kind_of(refused.error()), "service_unavailable");
    EXPECT_NE(refused.error().message().find("the backend is out of order"), std::string::npos);
    EXPECT_TRUE(refused.error().retry_after().has_value());
  });
}

TEST(Acquire, ReleasesALeaseThatItsOnlyCallerDidNotWaitFor) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    world.vms.hold_creates();
    const auto leaving = start_acquire(world, request_of("s1"));
    co_await until(world, [&] { return world.pool().stats().waiting == 1; });
    co_await leaving->cancel();
    world.vms.let_creates_go();
    co_await until(world, [&] { return world.fleet().totals().destroyed == 1; });
    EXPECT_EQ(world.vms.count(), 0U);
  });
}

TEST(Acquire, GivesAnotherInstanceWhenTheSessionsSandboxDied) {
  with_pool(small_pool(2, 4), [](World& world) -> Task<void> {
    const auto first = co_await acquired(world, request_of("s1"));
    co_await world.vms.kill(world.fleet().find(first.instance_id)->sandbox_id);
    const auto second = co_await acquired(world, request_of("s1"));
    EXPECT_NE(second.instance_id, first.instance_id);
    EXPECT_FALSE(second.resumed);
    const auto stale =
        co_await world.service->stream("agent", first.instance_id, first.lease.fencing_token, {});
    EXPECT_EQ(stale.error().code(), "lease_lost");
    EXPECT_NE(stale.error().message().find("killed"), std::string::npos);
  });
}

TEST(Acquire, NeverHandsOneInstanceToTwoSessionsUnderLoad) {
  with_pool(small_pool(4, 12), [](World& world) -> Task<void> {
    std::vector<std::unique_ptr<Started<Result<Acquired>>>> all;
    for (int i = 0; i < 12; ++i) all.push_back(start_acquire(world, request_of(fmt::format("s{}", i))));
    std::set<InstanceId> instances;
    std::set<std::int64_t> tokens;
    for (const auto& one : all) {
      const auto got = must(co_await one->get());
      instances.insert(got.instance_id);
      tokens.insert(got.lease.fencing_token);
    }
    EXPECT_EQ(instances.size(), 12U);
    EXPECT_EQ(tokens.size(), 12U);
    EXPECT_EQ(world.vms.creates, 12U);
  });
}

TEST(Acquire, TakesBackInAFullPoolWhatIsIdleForLongestAndNothingThatIsUsed) {
  with_pool(small_pool(0, 3), [](World& world) -> Task<void> {
    const auto busy = co_await acquired(world, request_of("busy"));
    const auto chat = must(co_await world.service->stream("agent", busy.instance_id, busy.lease.fencing_token,
                                                          sdk::RuntimeChat{.message = "hello"}));
    world.ahead = std::chrono::seconds(1);
    const auto idle = co_await acquired(world, request_of("idle"));
    world.ahead = std::chrono::seconds(2);
    co_await acquired(world, request_of("newer"));

    auto impatient = request_of("early");
    impatient.timeout = 0;
    const auto refused = co_await world.service->acquire("agent", impatient);
    EXPECT_EQ(refused.error().code(), "pool_exhausted") << "nothing is idle for long enough";

    world.ahead = world.settings.reclaim_after + std::chrono::seconds(2);
    co_await acquired(world, request_of("next"));
    EXPECT_FALSE(world.fleet().find_session(SessionId("idle")));
    for (const auto* kept : {"busy", "newer", "next"})
      EXPECT_TRUE(world.fleet().find_session(SessionId(kept))) << kept;
    EXPECT_FALSE(world.fleet().find(idle.instance_id));
  });
}

TEST(Acquire, RefusesATimeoutAndAConfigThatMakeNoSense) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    auto request = request_of("s1");
    request.timeout = -1;
    const auto negative = co_await world.service->acquire("agent", request);
    EXPECT_EQ(negative.error().param(), "/timeout");
    request.timeout = 1;
    request.config = json::object{{"colour", "blue"}};
    const auto unknown = co_await world.service->acquire("agent", request);
    EXPECT_EQ(unknown.error().param(), "/config/colour");
  });
}

TEST(Acquire, SetsTheLimitsOfTheRunAndTakesThemAwayAgainButAsksNobodyWhereThereAreNone) {
  with_pool(small_pool(1, 2), [](World& world) -> Task<void> {
    auto request = request_of("s1");
    request.allowance.emplace().run_id = RunId("run_1");
    const auto got = co_await acquired(world, request);
    std::ignore = co_await acquired(world, request);
    EXPECT_EQ(world.vms.allows, 0U);

    request.allowance->run_id = RunId("run_2");
    request.allowance->max_tokens = 7;
    std::ignore = co_await acquired(world, request);
    const auto row = must(co_await world.store->pool().find(got.instance_id));
    EXPECT_EQ(world.vms.allowance(row.sandbox_id)->max_tokens, 7);
    std::ignore = co_await acquired(world, request_of("s1"));  // Says nothing about limits: they stay.
    EXPECT_EQ(world.vms.allows, 1U);

    request.allowance->max_tokens.reset();
    for (int i = 0; i < 2; ++i) std::ignore = co_await acquired(world, request);
    EXPECT_EQ(world.vms.allows, 2U);
    EXPECT_FALSE(world.vms.allowance(row.sandbox_id)->is_limited());
  });
}

TEST(Acquire, SetsTheLimitsOfAFreshInstanceToo) {
  with_pool(small_pool(1, 2), [](World& world) -> Task<void> {
    auto request = request_of("s1");
    request.allowance.emplace().run_id = RunId("run_1");
    request.allowance->max_usd = Usd::of_number(1);
    // Whoever joins an acquire that is under way gets what it asked for.
    const auto first = start_acquire(world, request_of("s1"));
    const auto got = co_await acquired(world, request);
    must(co_await first->get());
    const auto row = must(co_await world.store->pool().find(got.instance_id));
    EXPECT_EQ(world.vms.allowance(row.sandbox_id)->run_id, RunId("run_1"));
  });
}

}  // namespace
}  // namespace isa::pool::testing
