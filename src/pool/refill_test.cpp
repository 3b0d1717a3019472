#include "pool/refill.h"

#include "pool/testing.h"

namespace isa::pool::testing {
namespace {

TEST(CreationsWanted, FillsUpToTheTarget) {
  EXPECT_EQ(creations_wanted({.creating = 2, .warm = 3, .target_warm = 10, .max = 50}), 5U);
  EXPECT_EQ(creations_wanted({.creating = 7, .warm = 3, .target_warm = 10, .max = 50}), 0U);
}

TEST(CreationsWanted, CountsWhatIsLeavingAsOccupying) {
  EXPECT_EQ(creations_wanted({.warm = 3, .leaving = 4, .target_warm = 10, .max = 50}), 3U);
}

TEST(CreationsWanted, NeverPassesTheMaximum) {
  EXPECT_EQ(
      creations_wanted({.creating = 1, .warm = 1, .leased = 5, .leaving = 1, .target_warm = 10, .max = 9}),
      1U);
  EXPECT_EQ(creations_wanted({.leased = 12, .target_warm = 10, .max = 9}), 0U);
}

TEST(CreationsWanted, ServesWaitingCallersOnTopOfTheTargetAndWithoutWaitingForWhatLeaves) {
  EXPECT_EQ(creations_wanted({.waiting = 2, .target_warm = 0, .max = 9}), 2U);
  EXPECT_EQ(creations_wanted({.leaving = 3, .waiting = 2, .target_warm = 1, .max = 9}), 2U);
}

TEST(Pace, StartsSlowlyAndBacksOffExponentiallyUntilASuccess) {
  using namespace std::chrono_literals;
  Pace pace(4, 1s, 5s);
  EXPECT_EQ(pace.parallel(), 1U);
  pace.succeeded();
  pace.succeeded();
  pace.succeeded();
  EXPECT_EQ(pace.parallel(), 4U);

  auto now = Deadline::Clock::now();
  std::vector<Deadline::Clock::duration> pauses;
  for (int i = 0; i < 4; ++i) {
    pace.failed(now);
    pace.failed(now);  // Of the same wave.
    pauses.push_back(pace.not_before() - now);
    now = pace.not_before();
  }
  EXPECT_EQ(pauses, (std::vector<Deadline::Clock::duration>{1s, 2s, 4s, 5s}));
  EXPECT_EQ(pace.parallel(), 1U);
  EXPECT_EQ(pace.failures(), 4U);
  pace.succeeded();
  EXPECT_EQ(pace.failures(), 0U);
}

TEST(Refill, FillsToTheTargetWithoutOvercreatingAndWithinTheParallelLimit) {
  auto settings = small_pool(10, 20);
  settings.max_parallel_creates = 3;
  with_pool(settings, [](World& world) -> Task<void> {
    EXPECT_EQ(world.vms.count(), 10U);
    EXPECT_EQ(world.vms.creates, 10U);
    EXPECT_LE(world.vms.creating_peak, 3U);
    const auto stats = co_await world.service->stats("agent");
    EXPECT_EQ(stats->warm_instances, 10);
    EXPECT_EQ(stats->created_total, 10);
  });
}

TEST(Refill, ReplacesWhatIsTakenAndNoMore) {
  with_pool(small_pool(3, 10), [](World& world) -> Task<void> {
    for (const auto* session : {"s1", "s2", "s3", "s4"}) co_await acquired(world, request_of(session));
    co_await world.service->wait_until_filled(soon());
    EXPECT_EQ(world.fleet().count(State::warm), 3U);
    EXPECT_EQ(world.fleet().count(State::leased), 4U);
    EXPECT_EQ(world.vms.creates, 7U);
  });
}

TEST(Refill, SaysWhyThePoolDoesNotFillAndRecovers) {
  in_world(small_pool(2, 4), [](World& world) -> Task<void> {
    world.vms.failing_creates = 3;
    co_await world.service->start();
    co_await until(world, [&] { return world.vms.failing_creates < 3; });
    auto stats = co_await world.service->stats("agent");
    EXPECT_EQ(stats->last_error, "the backend is out of order");
    EXPECT_TRUE(co_await world.service->wait_until_filled(soon()));
    stats = co_await world.service->stats("agent");
    EXPECT_EQ(stats->last_error, std::nullopt);
    EXPECT_EQ(stats->failed_total, 3);
    EXPECT_EQ(stats->warm_instances, 2);
  });
}

}  // namespace
}  // namespace isa::pool::testing
