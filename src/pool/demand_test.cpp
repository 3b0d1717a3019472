#include "pool/demand.h"

#include <gtest/gtest.h>

namespace isa::pool {
namespace {

using namespace std::chrono_literals;

TEST(DemandMeter, KeepsTheMinimumWhileLittleIsAskedFor) {
  DemandMeter meter;
  const TimePoint start{1h};
  EXPECT_EQ(meter.target(start, 10, 50), 10U);
  EXPECT_EQ(meter.target(start, 0, 50), 0U);
  meter.created(100ms);
  meter.acquired(start);
  EXPECT_EQ(meter.target(start, 0, 50), 0U) << "one call is no reason to keep a sandbox warm";
}

TEST(DemandMeter, WantsMoreWhenManyAskAndFallsSlowly) {
  DemandMeter meter;
  TimePoint now{1h};
  meter.created(1s);
  for (int i = 0; i < 100; ++i) meter.acquired(now += 200ms);  // Five per second.
  const auto busy = meter.target(now, 2, 50);
  EXPECT_GE(busy, 8U);
  EXPECT_LE(busy, 11U);
  const auto soon = meter.target(now + 10s, 2, 50);
  EXPECT_LT(soon, busy);
  EXPECT_GT(soon, 2U) << "not at once: they may come back";
  EXPECT_EQ(meter.target(now + 10min, 2, 50), 2U);
  EXPECT_EQ(meter.target(now, 2, 5), 5U) << "never past the maximum";
}

TEST(TokenBucket, LetsABurstThroughAndThenItsRate) {
  TokenBucket bucket(2, 3);
  const TimePoint start{1h};
  for (int i = 3; i > 0; --i) {
    EXPECT_EQ(bucket.available(start), static_cast<std::size_t>(i));
    bucket.take();
  }
  EXPECT_EQ(bucket.available(start), 0U);
  EXPECT_EQ(bucket.next(start), start + 500ms);
  EXPECT_EQ(bucket.available(start + 500ms), 1U);
  EXPECT_EQ(bucket.available(start + 1h), 3U);
}

TEST(Courtesy, YieldsToAcquiresWhileThereIsPlentyButNotForLong) {
  Courtesy courtesy;
  TimePoint now{1h};
  EXPECT_EQ(courtesy.may_begin(now, true), now) << "nobody asks for anything";
  courtesy.begun();
  courtesy.acquired(now);
  EXPECT_GT(courtesy.may_begin(now, true), now);
  EXPECT_EQ(courtesy.may_begin(now, false), now) << "it runs dry";
  const auto wanted = now;
  while (now - wanted < 250ms) {
    EXPECT_GT(courtesy.may_begin(now, true), now);
    courtesy.acquired(now += 10ms);  // They keep coming.
  }
  EXPECT_LE(courtesy.may_begin(now, true), now);
}

}  // namespace
}  // namespace isa::pool
