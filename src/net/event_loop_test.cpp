#include "net/event_loop.h"

#include "base/deadline.h"
#include "net/watchdog.h"

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <array>
#include <pthread.h>
#include <thread>

namespace isa::net {
namespace {

using namespace std::chrono_literals;

Task<std::thread::id> where_am_i() {
  co_return std::this_thread::get_id();
}

Task<void> note_thread(std::thread::id& id, std::string& name) {
  id = std::this_thread::get_id();
  std::array<char, 16> text{};
  pthread_getname_np(pthread_self(), text.data(), text.size());
  name = text.data();
  co_return;
}

TEST(EventLoop, RunsATaskOnAThreadOfItsOwnThatShowsItsName) {
  EventLoop loop("a-loop-with-a-long-name");
  std::thread::id id;
  std::string name;
  loop.run(note_thread(id, name));
  EXPECT_NE(id, std::this_thread::get_id());
  EXPECT_EQ(name, "a-loop-with-a-l");
}

Task<void> fail() {
  throw std::runtime_error("broken");
  co_return;
}

TEST(EventLoop, PassesAnExceptionOnToWhoeverWaits) {
  EventLoop loop("loop");
  EXPECT_THROW(loop.run(fail()), std::runtime_error);
}

Task<void> cross(asio::any_io_executor other, bool& left, bool& came_back) {
  const auto home = std::this_thread::get_id();
  const auto there = co_await call_on(other, where_am_i());
  left = there != home;
  came_back = std::this_thread::get_id() == home;
}

TEST(EventLoop, IsReachedFromAnotherLoopAndResumesTheCallerAtHome) {
  EventLoop here("here");
  EventLoop there("there");
  bool left = false;
  bool came_back = false;
  here.run(cross(there.executor(), left, came_back));
  EXPECT_TRUE(left);
  EXPECT_TRUE(came_back);
}

Task<void> watch(std::vector<int>& fired) {
  const auto executor = co_await asio::this_coro::executor;
  asio::steady_timer done(executor, asio::steady_timer::time_point::max());
  Watchdog postponed(executor, [&] { fired.push_back(1); });
  postponed.expire_after(1ms);
  postponed.expire_after(1h);
  Watchdog rested(executor, [&] { fired.push_back(2); });
  rested.expire_after(1ms);
  rested.rest();
  {
    Watchdog destroyed(executor, [&] { fired.push_back(3); });
    destroyed.expire_after(1ms);
  }
  Watchdog hastened(executor, [&] {
    fired.push_back(4);
    done.cancel();
  });
  hastened.expire_after(1h);
  hastened.expire_after(5ms);
  co_await done.async_wait(no_throw);
}

TEST(Watchdog, FiresAtTheLastDeadlineThatItWasGivenAndOnlyThen) {
  EventLoop loop("loop");
  std::vector<int> fired;
  loop.run(watch(fired));
  EXPECT_EQ(fired, std::vector<int>{4});
}

}  // namespace
}  // namespace isa::net
