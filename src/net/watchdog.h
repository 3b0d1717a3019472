#pragma once

#include "base/async.h"
#include "base/deadline.h"

#include <functional>
#include <memory>

namespace isa::net {

// Calls a function when a point in time passes that is moved again and again, as the deadlines of a
// connection are. Moving it later costs a store: the timer underneath is touched only when it fires or must
// fire earlier.
class Watchdog {
 public:
  using Clock = Deadline::Clock;

  // `on_expiry` runs on the executor's loop, never within a call of this class, and never after its
  // destruction.
  Watchdog(asio::any_io_executor executor, std::function<void()> on_expiry);
  ~Watchdog();
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  void expire_at(Clock::time_point when);
  void expire_after(Clock::duration wait) { expire_at(Clock::now() + wait); }
  void rest() { expire_at(Clock::time_point::max()); }

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace isa::net
