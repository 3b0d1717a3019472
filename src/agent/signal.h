#pragma once

#include "base/async.h"
#include "base/deadline.h"

#include <boost/asio/steady_timer.hpp>

#include <list>

namespace isa::agent {

// Wakes everybody who waits for something to change. Lives on one event loop: who checks a condition and then
// waits, without a co_await in between, misses nothing.
class Signal {
 public:
  explicit Signal(asio::any_io_executor executor) : executor_(std::move(executor)) {}

  void notify();
  // Returns at the next notify() or at the deadline; the caller looks at its condition again.
  Task<void> wait(Deadline deadline = Deadline::never());

 private:
  asio::any_io_executor executor_;
  std::list<asio::steady_timer*> waiting_;
};

}  // namespace isa::agent
