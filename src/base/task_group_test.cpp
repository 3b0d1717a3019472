#include "base/task_group.h"

#include "base/deadline.h"
#include "base/log.h"
#include "base/testing.h"

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

namespace isa {
namespace {

using testing::run;

Task<void> yield() {
  co_await asio::post(co_await asio::this_coro::executor, use_task);
}

Task<void> count_after(int turns, int& counter) {
  for (int i = 0; i < turns; ++i) co_await yield();
  ++counter;
}

Task<void> wait_for_ever(int& unwound) {
  struct OnExit {
    int& count;
    ~OnExit() { ++count; }
  };
  const OnExit on_exit{unwound};
  co_await sleep_until(Deadline::never());
}

TEST(TaskGroup, JoinWaitsForEveryTask) {
  const auto body = [](int& counter) -> Task<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    for (int i = 0; i < 10; ++i) tasks.spawn("count", count_after(i, counter));
    co_await tasks.join();
    EXPECT_EQ(counter, 10);
    EXPECT_EQ(tasks.size(), 0U);
  };
  int counter = 0;
  run(body(counter));
}

TEST(TaskGroup, StopUnwindsEveryTaskAndMayBeCalledAgain) {
  const auto body = [](int& unwound) -> Task<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    for (int i = 0; i < 10; ++i) tasks.spawn("wait", wait_for_ever(unwound));
    co_await yield();
    EXPECT_EQ(tasks.size(), 10U);
    co_await tasks.stop();
    EXPECT_EQ(unwound, 10);
    co_await tasks.stop();
    tasks.spawn("wait", wait_for_ever(unwound));
    co_await tasks.stop();
    EXPECT_EQ(tasks.size(), 0U);
  };
  int unwound = 0;
  run(body(unwound));
}

TEST(TaskGroup, CancelAsksWithoutWaiting) {
  const auto body = [](int& unwound) -> Task<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("wait", wait_for_ever(unwound));
    co_await yield();
    tasks.cancel();
    EXPECT_EQ(tasks.size(), 1U);
    co_await tasks.join();
    EXPECT_EQ(unwound, 1);
  };
  int unwound = 0;
  run(body(unwound));
}

TEST(TaskGroup, AnExceptionThatLeavesATaskIsLoggedWithItsName) {
  std::vector<std::string> lines;
  log::set_sink([&](log::Level, std::string_view line) { lines.emplace_back(line); });
  const auto failing = []() -> Task<void> {
    co_await yield();
    throw std::runtime_error("a bug");
  };
  const auto body = [](Task<void> task, int& counter) -> Task<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("refill", std::move(task));
    tasks.spawn("count", count_after(5, counter));
    co_await tasks.join();
  };
  int counter = 0;

  run(body(failing(), counter));

  log::set_sink(nullptr);
  EXPECT_EQ(counter, 1);  // The other task was not disturbed.
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_NE(lines[0].find("\"task\":\"refill\""), std::string::npos) << lines[0];
  EXPECT_NE(lines[0].find("a bug"), std::string::npos) << lines[0];
}

TEST(TaskGroup, ACancelledTaskIsNotLogged) {
  std::vector<std::string> lines;
  log::set_sink([&](log::Level, std::string_view line) { lines.emplace_back(line); });
  const auto body = [](int& unwound) -> Task<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("wait", wait_for_ever(unwound));
    co_await yield();
    co_await tasks.stop();
  };
  int unwound = 0;
  run(body(unwound));
  log::set_sink(nullptr);
  EXPECT_EQ(unwound, 1);
  EXPECT_TRUE(lines.empty());
}

TEST(TaskGroupDeathTest, DestroyingAGroupWhoseTasksRunStopsTheProcess) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto body = [](int& unwound) -> Task<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    tasks.spawn("wait", wait_for_ever(unwound));
    co_await yield();
  };
  int unwound = 0;
  EXPECT_DEATH(run(body(unwound)), "task_group.destroyed_while_running");
}

}  // namespace
}  // namespace isa
