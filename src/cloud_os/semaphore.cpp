#include "cloud_os/semaphore.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

namespace isa::cloud_os {

Semaphore::Waiter::Waiter(Semaphore& semaphore)
    : line(semaphore), granted(semaphore.executor_, asio::steady_timer::time_point::max()) {
  line.waiting_.push_back(this);
}

Semaphore::Waiter::~Waiter() {
  if (!is_granted) line.waiting_.remove(this);
}

Task<Semaphore::Permit> Semaphore::acquire() {
  if (free_ > 0) {
    --free_;
    co_return Permit(*this);
  }
  Waiter waiter(*this);
  co_await waiter.granted.async_wait(no_throw);
  // Granted and cancelled at the same time: take the permit; the caller's next wait unwinds and gives it
  // back.
  if (waiter.is_granted) co_return Permit(*this);
  throw boost::system::system_error(asio::error::operation_aborted);
}

void Semaphore::give_back() {
  if (waiting_.empty()) {
    ++free_;
    return;
  }
  Waiter* next = waiting_.front();
  waiting_.pop_front();
  next->is_granted = true;  // The permit goes from hand to hand: nobody who comes later can overtake.
  next->granted.cancel();
}

}  // namespace isa::cloud_os
