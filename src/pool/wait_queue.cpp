#include "pool/wait_queue.h"

#include <algorithm>
#include <utility>

namespace isa::pool {

WaitQueue::Ticket::Ticket(WaitQueue& queue, SessionId session, UserId user)
    : queue_(queue),
      session_(std::move(session)),
      user_(std::move(user)),
      signal_(queue.executor_),
      at_(queue.tickets_.insert(queue.tickets_.end(), this)) {}

Task<void> WaitQueue::Ticket::wait_until(Deadline deadline) {
  if (!is_called_) co_await signal_.wait(deadline);
}

bool WaitQueue::Ticket::take_call() {
  return std::exchange(is_called_, false);
}

std::size_t WaitQueue::Ticket::position() const {
  return static_cast<std::size_t>(std::distance(queue_.tickets_.begin(), std::list<Ticket*>::iterator(at_))) +
         1;
}

void WaitQueue::Ticket::leave() {
  if (std::exchange(has_left_, true)) return;
  queue_.tickets_.erase(at_);
  queue_.call();  // What this one was called for goes to the next.
}

void WaitQueue::call() {
  auto left = available_();
  for (auto* ticket : tickets_) {
    if (left == 0) return;
    --left;
    ticket->is_called_ = true;
    ticket->signal_.notify();
  }
}

void WaitQueue::wake_all() {
  for (auto* ticket : tickets_) ticket->signal_.notify();
}

}  // namespace isa::pool
