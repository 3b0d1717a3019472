#pragma once

#include "base/async.h"
#include "base/deadline.h"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <list>

namespace isa {

// Says to coroutines of one event loop that something changed. It wakes only who waits already: who looks at
// its condition and then waits, without a co_await in between, misses nothing. Who does something in between
// that may itself change things, such as spawning a task, compares changes() from before with changes() from
// after.
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  void notify();
  // Returns at the next notify() or at the deadline; the caller looks at its condition again.
  Task<void> wait(Deadline deadline = Deadline::never());
  std::uint64_t changes() const { return changes_; }

 private:
  asio::any_io_executor executor_;
  std::list<asio::steady_timer*> waiting_;
  std::uint64_t changes_ = 0;
};

}  // namespace isa
