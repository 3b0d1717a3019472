#include "pool/instance.h"

#include <gtest/gtest.h>

namespace isa::pool {
namespace {

TEST(Instance, GoesThroughItsLifeInOrder) {
  Instance instance;
  for (const auto to : {State::warm, State::leased, State::draining, State::destroyed}) {
    EXPECT_TRUE(may_step(instance.state, to)) << json::name_of(to);
    step(instance, to);
  }
  EXPECT_EQ(instance.state, State::destroyed);
}

TEST(Instance, FailsFromEveryLiveState) {
  for (const auto from : {State::creating, State::warm, State::leased, State::draining})
    EXPECT_TRUE(may_step(from, State::failed)) << json::name_of(from);
  EXPECT_FALSE(may_step(State::destroyed, State::failed));
}

TEST(Instance, NeverServesASecondLease) {
  for (const auto from : {State::leased, State::draining, State::failed, State::destroyed})
    EXPECT_FALSE(may_step(from, State::warm)) << json::name_of(from);
}

TEST(Instance, StopsTheProcessOnAForbiddenStep) {
  Instance instance;
  instance.state = State::draining;
  EXPECT_DEATH(step(instance, State::leased), "forbidden_step");
}

}  // namespace
}  // namespace isa::pool
