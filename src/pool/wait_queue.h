#pragma once

#include "base/ids.h"
#include "base/signal.h"

#include <functional>
#include <list>
#include <memory>

namespace isa::pool {

// Who waits for an instance, in order of arrival. As many of the first as there are warm instances are called
// to try their luck; whoever comes away empty-handed keeps the place.
class WaitQueue {
 public:
  // `available`: how many warm instances there are.
  WaitQueue(asio::any_io_executor executor, std::function<std::size_t()> available)
      : executor_(std::move(executor)), available_(std::move(available)) {}

  class Ticket {
   public:
    Ticket(WaitQueue& queue, SessionId session, UserId user);
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    ~Ticket() { leave(); }

    // Returns when called, at the deadline, or when wake_all() asks everybody to look again.
    Task<void> wait_until(Deadline deadline);
    // True once per call.
    bool take_call();
    std::size_t position() const;  // From 1.
    const SessionId& session() const { return session_; }
    const UserId& user() const { return user_; }
    Deadline::Clock::time_point since() const { return since_; }
    // Makes room for the next before the ticket's owner is done with its instance. Idempotent.
    void leave();

   private:
    friend class WaitQueue;
    WaitQueue& queue_;
    SessionId session_;
    UserId user_;
    Deadline::Clock::time_point since_ = Deadline::Clock::now();
    Signal signal_;
    bool is_called_ = false;
    bool has_left_ = false;
    std::list<Ticket*>::iterator at_;
  };

  std::size_t size() const { return tickets_.size(); }
  bool empty() const { return tickets_.empty(); }
  // In order.
  const std::list<Ticket*>& tickets() const { return tickets_; }
  // Something became available.
  void call();
  void wake_all();

 private:
  asio::any_io_executor executor_;
  std::function<std::size_t()> available_;
  std::list<Ticket*> tickets_;
};

}  // namespace isa::pool
