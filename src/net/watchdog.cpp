#include "net/watchdog.h"

#include <boost/asio/steady_timer.hpp>

namespace isa::net {

struct Watchdog::State {
  asio::steady_timer timer;
  std::function<void()> on_expiry;
  Clock::time_point due = Clock::time_point::max();
  Clock::time_point armed = Clock::time_point::max();

  static void arm(const std::shared_ptr<State>& state) {
    state->armed = state->due;
    state->timer.expires_at(state->due);  // Cancels the wait before, whose handler then finds an error.
    state->timer.async_wait([weak = std::weak_ptr(state)](const boost::system::error_code& ec) {
      const auto self = weak.lock();
      if (ec || !self) return;
      self->armed = Clock::time_point::max();
      if (self->due == Clock::time_point::max()) return;
      if (self->due > Clock::now()) {
        arm(self);
        return;
      }
      self->due = Clock::time_point::max();
      self->on_expiry();
    });
  }
};

Watchdog::Watchdog(asio::any_io_executor executor, std::function<void()> on_expiry)
    : state_(std::make_shared<State>(asio::steady_timer(executor), std::move(on_expiry))) {}

Watchdog::~Watchdog() = default;

void Watchdog::expire_at(Clock::time_point when) {
  state_->due = when;
  if (when < state_->armed) State::arm(state_);
}

}  // namespace isa::net
