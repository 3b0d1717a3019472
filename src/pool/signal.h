#pragma once

#include "base/async.h"
#include "base/deadline.h"

#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <list>

namespace isa::pool {

// Says that something changed to coroutines of one event loop. It wakes only who waits already. A waiter that
// merely looks at its condition before it waits misses nothing; one that does something in between, such as
// spawning a task, which may run at once and change things, compares changes() from before with changes()
// from after.
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor) : executor_(std::move(executor)) {}
  Signal(const Signal&) = delete;
  Signal& operator=(const Signal&) = delete;

  std::uint64_t changes() const { return changes_; }

  void notify_all() {
    ++changes_;
    for (auto* timer : waiting_) timer->cancel();
  }

  // Returns at the next notify_all() or at the deadline, whichever comes first.
  Task<void> wait_until(Deadline deadline) {
    asio::steady_timer timer(executor_, deadline.time());
    const Place place(waiting_, &timer);
    co_await timer.async_wait(no_throw);
  }
  Task<void> wait() { return wait_until(Deadline::never()); }

 private:
  using Timers = std::list<asio::steady_timer*>;
  class Place {
   public:
    Place(Timers& timers, asio::steady_timer* timer)
        : timers_(timers), at_(timers.insert(timers.end(), timer)) {}
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    ~Place() { timers_.erase(at_); }

   private:
    Timers& timers_;
    Timers::iterator at_;
  };

  asio::any_io_executor executor_;
  Timers waiting_;
  std::uint64_t changes_ = 0;
};

}  // namespace isa::pool
