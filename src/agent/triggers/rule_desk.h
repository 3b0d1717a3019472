#pragma once

#include "base/identity.h"
#include "base/offload.h"
#include "base/signal.h"

#include <set>

namespace isa::agent {

// Where the rules of triggers are read and held against events: on a thread of its own, for a regular
// expression takes its time. It does one job of a user at a time, so that who has many costly rules, or sends
// many events, makes nobody else wait for more than one of them. Lives on one event loop.
class RuleDesk {
 public:
  explicit RuleDesk(asio::any_io_executor executor) : done_(std::move(executor)) {}

  // `work` returns Result<T> and is quick for a thread of its own: the rule of one trigger, not of all.
  template <class T, class Work>
  Task<Result<T>> run(UserId user, Work work) {
    while (served_.contains(user)) co_await done_.wait();
    const Turn turn(*this, std::move(user));
    co_return co_await offload<T>(thread_, std::move(work));
  }

 private:
  class Turn {
   public:
    Turn(RuleDesk& desk, UserId user) : desk_(desk), user_(std::move(user)) { desk_.served_.insert(user_); }
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      desk_.served_.erase(user_);
      desk_.done_.notify();
    }

   private:
    RuleDesk& desk_;
    UserId user_;
  };

  std::set<UserId> served_;
  Signal done_;
  asio::thread_pool thread_{1};
};

}  // namespace isa::agent
