#include "base/deadline.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>

#include <exception>

namespace isa {
namespace {

// In `a || b` an exception on one side waits for the other, so the task's exception travels as a value.
Task<void> capture(Task<void> task, std::exception_ptr& failure) {
  try {
    co_await std::move(task);
  } catch (...) {
    failure = std::current_exception();
  }
}

Task<void> wait_until(Deadline deadline) {
  asio::steady_timer timer(co_await asio::this_coro::executor, deadline.time());
  co_await timer.async_wait(no_throw);
}

}  // namespace

Task<void> sleep_until(Deadline deadline) {
  asio::steady_timer timer(co_await asio::this_coro::executor, deadline.time());
  co_await timer.async_wait(use_task);
}

Task<void> sleep_for(Deadline::Clock::duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor, duration);
  co_await timer.async_wait(use_task);
}

Task<bool> finished_before(Deadline deadline, Task<void> task) {
  using namespace asio::experimental::awaitable_operators;
  if (deadline.is_never()) {
    co_await std::move(task);
    co_return true;
  }
  std::exception_ptr failure;
  const auto winner = co_await (capture(std::move(task), failure) || wait_until(deadline));
  if (winner.index() == 0 && failure) std::rethrow_exception(failure);
  co_return winner.index() == 0;
}

}  // namespace isa
