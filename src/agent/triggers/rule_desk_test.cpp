#include "agent/triggers/rule_desk.h"

#include "base/task_group.h"
#include "base/testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace isa::agent {
namespace {

// Does a job for that user, and writes into `order` who was served.
Task<void> ask(RuleDesk& desk, std::string who, std::vector<std::string>& order, Signal& done) {
  auto job = [who]() -> Result<std::string> { return who; };
  const auto served = co_await desk.run<std::string>(UserId(who), std::move(job));
  order.push_back(served.value());
  done.notify();
}

TEST(RuleDesk, WhoAsksForMuchMakesNobodyWaitForAllOfIt) {
  isa::testing::run([]() -> Task<void> {
    const auto executor = co_await asio::this_coro::executor;
    RuleDesk desk(executor);
    Signal done(executor);
    std::vector<std::string> order;
    TaskGroup tasks(executor);
    for (int i = 0; i < 20; ++i) tasks.spawn("many", ask(desk, "greedy", order, done));
    tasks.spawn("one", ask(desk, "modest", order, done));
    while (order.size() < 21) co_await done.wait();
    EXPECT_LE(std::ranges::find(order, "modest") - order.begin(), 2);
    co_await tasks.stop();
  }());
}

TEST(RuleDesk, AJobThatFailsLeavesThePlaceToTheNext) {
  isa::testing::run([]() -> Task<void> {
    RuleDesk desk(co_await asio::this_coro::executor);
    auto fails = []() -> Result<int> { throw std::runtime_error("no"); };
    auto works = []() -> Result<int> { return 7; };
    EXPECT_FALSE(co_await desk.run<int>(UserId("ann"), fails));
    EXPECT_EQ(co_await desk.run<int>(UserId("ann"), works), 7);
  }());
}

}  // namespace
}  // namespace isa::agent
