#include "pool/testing.h"

namespace isa::pool::testing {
namespace {

sdk::RuntimeChat chat_of(std::string message) {
  sdk::RuntimeChat chat;
  chat.message = std::move(message);
  return chat;
}

Task<Result<net::OpenResponse>> stream(World& world, Acquired lease, std::string message) {
  return world.service->stream("agent", lease.instance_id, lease.lease.fencing_token,
                               chat_of(std::move(message)));
}

TEST(Leases, PassTheRuntimesStreamThroughUnread) {
  with_pool(small_pool(1, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    auto opened = must(co_await stream(world, lease, "hello"));
    EXPECT_EQ(opened.status, 200);
    const auto text = must(co_await net::read_all(*opened.body, 1 << 20));
    EXPECT_NE(text.find("hello after 0"), std::string::npos);
    EXPECT_NE(text.find("event: history"), std::string::npos);
    EXPECT_TRUE(text.ends_with(net::kSseDone));
  });
}

TEST(Leases, RefuseAStaleFencingTokenEverywhere) {
  with_pool(small_pool(1, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    const auto stale = lease.lease.fencing_token - 1;
    const auto streamed = co_await world.service->stream("agent", lease.instance_id, stale, chat_of("x"));
    const auto renewed = co_await world.service->renew("agent", lease.instance_id, stale);
    const auto released = co_await world.service->release("agent", lease.instance_id, stale);
    EXPECT_EQ(kind_of(streamed.error()), "conflict");
    EXPECT_EQ(kind_of(renewed.error()), "conflict");
    EXPECT_EQ(kind_of(released.error()), "conflict");
    EXPECT_EQ(world.fleet().count(State::leased), 1U);
  });
}

TEST(Leases, DestroyTheSandboxOnReleaseAndForgiveASecondOne) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    const auto sandbox = world.fleet().find(lease.instance_id)->sandbox_id;
    for (int i = 0; i < 2; ++i) {
      const auto released =
          co_await world.service->release("agent", lease.instance_id, lease.lease.fencing_token);
      EXPECT_TRUE(released.has_value());
    }
    EXPECT_FALSE(world.vms.exists(sandbox));
    const auto row = co_await world.store->pool().find(lease.instance_id);
    EXPECT_EQ(kind_of(row.error()), "not_found");
    const auto streamed = co_await stream(world, lease, "x");
    EXPECT_EQ(kind_of(streamed.error()), "not_found");
    const auto again = co_await acquired(world, request_of("s1"));
    EXPECT_NE(again.instance_id, lease.instance_id);
  });
}

TEST(Leases, EndByThemselvesWhenNobodyUsesThem) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    co_await acquired(world, request_of("s1"));
    world.ahead = world.settings.lease_idle - std::chrono::minutes(1);
    co_await world.pool().leases().sweep();
    EXPECT_EQ(world.fleet().count(State::leased), 1U);
    world.ahead = world.settings.lease_idle + std::chrono::seconds(1);
    co_await world.pool().leases().sweep();
    EXPECT_EQ(world.fleet().count(State::leased), 0U);
    EXPECT_EQ(world.vms.count(), 0U);
  });
}

TEST(Leases, LiveOnWhenTheyAreRenewed) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    world.ahead = std::chrono::minutes(20);
    const auto renewed =
        must(co_await world.service->renew("agent", lease.instance_id, lease.lease.fencing_token));
    EXPECT_GE(renewed.expires_at - lease.lease.expires_at, std::chrono::minutes(20));
    const auto row = must(co_await world.store->pool().find(lease.instance_id));
    EXPECT_EQ(row.lease->expires_at, renewed.expires_at);
    world.ahead = std::chrono::minutes(40);
    co_await world.pool().leases().sweep();
    EXPECT_EQ(world.fleet().count(State::leased), 1U);
  });
}

TEST(Leases, DoNotExpireUnderAnOpenStreamAndReachTheStore) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    auto opened = must(co_await stream(world, lease, "hold"));
    world.ahead = std::chrono::hours(5);
    co_await world.pool().leases().sweep();
    EXPECT_EQ(world.fleet().count(State::leased), 1U);
    const auto row = must(co_await world.store->pool().find(lease.instance_id));
    EXPECT_GT(row.lease->expires_at, now() + std::chrono::hours(5));
    opened.body.reset();
    world.ahead = std::chrono::hours(6);
    co_await world.pool().leases().sweep();
    EXPECT_EQ(world.fleet().count(State::leased), 0U);
  });
}

TEST(Leases, AreLostWithAReasonWhenTheSandboxDiesInAChat) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    auto opened = must(co_await stream(world, lease, "hold"));
    EXPECT_TRUE((co_await opened.body->read()).has_value());
    co_await world.vms.kill(world.fleet().find(lease.instance_id)->sandbox_id);
    const auto rest = co_await net::read_all(*opened.body, 1 << 20);
    opened.body.reset();
    co_await world.pool().leases().sweep();
    const auto next = co_await stream(world, lease, "hello");
    EXPECT_EQ(next.error().code(), "lease_lost");
  });
}

TEST(Leases, SurviveABrokenStreamOfASandboxThatLives) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    auto opened = must(co_await stream(world, lease, "crash"));
    const auto broken = co_await net::read_all(*opened.body, 1 << 20);
    EXPECT_EQ(kind_of(broken.error()), "upstream_error");
    opened.body.reset();
    co_await world.pool().leases().sweep();
    EXPECT_TRUE((co_await stream(world, lease, "hello")).has_value());
  });
}

}  // namespace
}  // namespace isa::pool::testing
