#include "store/segment_ledger.h"

#include <gtest/gtest.h>

namespace isa::store {
namespace {

const RunId kA{"run_a"};
const RunId kB{"run_b"};

TEST(SegmentLedger, AClosedSegmentWithoutLiveRunsIsNotNeeded) {
  SegmentLedger ledger;
  ledger.begin(1);
  ledger.event(1, kA);
  ledger.event(1, kA);
  ledger.release(1, kA);

  EXPECT_FALSE(ledger.deletable());  // It is still being written.
  ledger.close(1);
  EXPECT_EQ(ledger.deletable(), 1U);
  ledger.forget(1);
  EXPECT_FALSE(ledger.deletable());
}

TEST(SegmentLedger, ALiveRunKeepsEverySegmentThatHoldsItsEvents) {
  SegmentLedger ledger;
  ledger.event(1, kA);
  ledger.event(2, kA);
  ledger.event(2, kB);
  ledger.close(1);
  ledger.close(2);
  EXPECT_FALSE(ledger.deletable());

  ledger.release(3, kA);

  EXPECT_EQ(ledger.deletable(), 1U);
  ledger.forget(1);
  EXPECT_FALSE(ledger.deletable());
}

TEST(SegmentLedger, AReleaseStaysUntilTheEventsThatItReleasesAreGone) {
  SegmentLedger ledger;
  ledger.event(1, kA);
  ledger.event(1, kB);
  ledger.release(2, kA);
  ledger.close(1);
  ledger.close(2);
  EXPECT_FALSE(ledger.deletable());  // 1 is held by b, and 2 by the events of a in 1.

  ledger.release(3, kB);

  EXPECT_EQ(ledger.deletable(), 1U);
  ledger.forget(1);
  EXPECT_EQ(ledger.deletable(), 2U);
  ledger.forget(2);
  EXPECT_FALSE(ledger.deletable());
  ledger.close(3);
  EXPECT_EQ(ledger.deletable(), 3U);
}

TEST(SegmentLedger, ARunThatGoesOnAfterItsReleaseIsLiveAgain) {
  SegmentLedger ledger;
  ledger.event(1, kA);
  ledger.release(1, kA);
  ledger.event(2, kA);
  ledger.close(1);
  ledger.close(2);

  EXPECT_TRUE(ledger.is_live(kA));
  EXPECT_EQ(ledger.deletable(), 1U);
  ledger.forget(1);
  EXPECT_FALSE(ledger.deletable());
}

TEST(SegmentLedger, ASegmentThatCannotBeDeletedIsNotOfferedAgain) {
  SegmentLedger ledger;
  ledger.begin(1);
  ledger.close(1);
  ASSERT_EQ(ledger.deletable(), 1U);

  ledger.keep(1);

  EXPECT_FALSE(ledger.deletable());
}

}  // namespace
}  // namespace isa::store
