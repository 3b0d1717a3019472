#include "pool/stats.h"

#include <gtest/gtest.h>

namespace isa::pool {
namespace {

using std::chrono::milliseconds;

TEST(WaitTimes, AreZeroBeforeAnythingWasMeasured) {
  EXPECT_EQ(WaitTimes().in_ms().p99, 0);
}

TEST(WaitTimes, TellTheMedianAndTheTail) {
  WaitTimes times;
  for (int i = 1; i <= 100; ++i) times.add(milliseconds(i));
  EXPECT_EQ(times.in_ms().p50, 50);
  EXPECT_EQ(times.in_ms().p99, 99);
}

TEST(WaitTimes, ForgetTheOldest) {
  WaitTimes times;
  for (int i = 0; i < 1024; ++i) times.add(milliseconds(1000));
  for (int i = 0; i < 1024; ++i) times.add(milliseconds(1));
  EXPECT_EQ(times.in_ms().p99, 1);
}

}  // namespace
}  // namespace isa::pool
