#include "base/signal.h"

#include "base/task_group.h"
#include "base/testing.h"

#include <gtest/gtest.h>

namespace isa {
namespace {

TEST(Signal, WakesEverybodyWhoWaits) {
  testing::run([]() -> Task<void> {
    Signal signal(co_await asio::this_coro::executor);
    TaskGroup waiters(co_await asio::this_coro::executor);
    int woken = 0;
    auto waiter = [](Signal& on, int& count) -> Task<void> {
      co_await on.wait();
      ++count;
    };
    waiters.spawn("first", waiter(signal, woken));
    waiters.spawn("second", waiter(signal, woken));

    signal.notify();
    co_await waiters.join();

    EXPECT_EQ(woken, 2);
    EXPECT_EQ(signal.changes(), 1u);
  }());
}

TEST(Signal, ReturnsAtItsDeadlineWhenNothingChanges) {
  testing::run([]() -> Task<void> {
    Signal signal(co_await asio::this_coro::executor);
    const auto deadline = Deadline::after(std::chrono::milliseconds(5));
    co_await signal.wait(deadline);
    EXPECT_TRUE(deadline.passed());
    EXPECT_EQ(signal.changes(), 0u);
  }());
}

}  // namespace
}  // namespace isa
