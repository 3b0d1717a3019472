#pragma once

#include "base/async.h"

#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/steady_timer.hpp>

#include <list>
#include <memory>
#include <string>

namespace isa {

// Owns background coroutines, so that none of them outlives what it refers to.
//
// A component that starts work keeps a TaskGroup as its LAST member and awaits stop() before it is
// destroyed; tasks may then refer to every member declared above it. This is the only place that calls
// co_spawn outside main: co_spawn(..., detached) drops exceptions silently.
//
// All methods run on the group's event loop.
class TaskGroup {
 public:
  explicit TaskGroup(asio::any_io_executor executor);
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;
  ~TaskGroup();  // Aborts when tasks still run: stop() was not awaited.

  // `name` says in the log what an exception that leaves the task was doing.
  void spawn(std::string name, Task<void> task);
  // The same for a task that others may cancel alone, through `cancellation`.
  void spawn(std::string name, Task<void> task, std::shared_ptr<asio::cancellation_signal> cancellation);

  // Asks every task to stop without waiting for it.
  void cancel();
  // Cancels everything and waits until it has unwound. Idempotent.
  Task<void> stop();
  // Waits until every task has ended by itself.
  Task<void> join();

  std::size_t size() const { return running_.size(); }
  const asio::any_io_executor& executor() const { return executor_; }

 private:
  struct Running {
    asio::cancellation_signal own;
    std::shared_ptr<asio::cancellation_signal> given;
    asio::cancellation_signal& signal() { return given ? *given : own; }
  };

  asio::any_io_executor executor_;
  std::list<Running> running_;
  asio::steady_timer empty_;  // Cancelled, i.e. signalled, when running_ becomes empty.
};

}  // namespace isa
