#include "agent/pending_calls.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

std::vector<sdk::PendingCall> calls(std::size_t count) {
  std::vector<sdk::PendingCall> list;
  for (std::size_t i = 0; i < count; ++i) list.push_back({.tool_use_id = std::to_string(i), .tool = "t"});
  return list;
}

TEST(PendingCalls, ATurnWaitsForAHandfulOfCallsAndNotWithoutEnd) {
  EXPECT_TRUE(check_pending(1, {}));
  EXPECT_TRUE(check_pending(1000, calls(128)));
  EXPECT_FALSE(check_pending(1001, calls(1)));
  const auto too_many = check_pending(1, calls(129));
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().kind(), ErrorKind::upstream_error);
}

TEST(PendingCalls, NoDecisionCountsForTwoCalls) {
  auto pending = calls(2);
  pending[1].tool_use_id = pending[0].tool_use_id;

  EXPECT_FALSE(check_pending(1, pending));

  EXPECT_TRUE(check_pending(1, pending, {{"a", std::nullopt}, {"b", std::nullopt}}));
  EXPECT_TRUE(check_pending(1, pending, {{"a", "x"}, {"a", "y"}}));
  EXPECT_FALSE(check_pending(1, pending, {{"a", "x"}, {"a", "x"}}));
}

}  // namespace
}  // namespace isa::agent
