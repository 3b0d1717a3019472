#pragma once

#include "base/async.h"
#include "base/result.h"

#include <chrono>
#include <optional>

namespace isa {

// A point in time by which an answer is still useful. Passed down instead of a timeout, so that the time
// spent in one layer is not granted again in the next.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(Clock::duration timeout) { return Deadline(Clock::now() + timeout); }
  static Deadline never() { return Deadline(Clock::time_point::max()); }

  Clock::time_point time() const { return time_; }
  bool is_never() const { return time_ == Clock::time_point::max(); }
  bool passed() const { return Clock::now() >= time_; }
  Clock::duration remaining() const {
    return is_never() ? Clock::duration::max() : std::max(Clock::duration::zero(), time_ - Clock::now());
  }
  // The earlier of the two: a callee can tighten a deadline, never extend it.
  Deadline tightened(Clock::duration timeout) const {
    return Deadline(std::min(time_, Clock::now() + timeout));
  }

 private:
  explicit Deadline(Clock::time_point time) : time_(time) {}
  Clock::time_point time_;
};

Task<void> sleep_for(Deadline::Clock::duration duration);
Task<void> sleep_until(Deadline deadline);

// Runs `task`; when the deadline passes first, cancels it, waits for it to unwind and returns false. An
// exception of the task is rethrown. Not a template: awaitable_operators cost about 0.6 s of compile time
// per distinct type.
Task<bool> finished_before(Deadline deadline, Task<void> task);

namespace detail {
template <class T>
Task<void> keep(Task<Result<T>> task, std::optional<Result<T>>& result) {
  result.emplace(co_await std::move(task));
}
}  // namespace detail

// The task's result, or `timeout` with the given message.
template <class T>
Task<Result<T>> with_deadline(Deadline deadline, Task<Result<T>> task,
                              std::string message = "the operation did not finish in time") {
  std::optional<Result<T>> result;
  const bool finished = co_await finished_before(deadline, detail::keep(std::move(task), result));
  if (!finished || !result) co_return Error(ErrorKind::timeout, std::move(message));
  co_return std::move(*result);
}

}  // namespace isa
