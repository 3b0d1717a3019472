#pragma once

#include "base/async.h"
#include "base/result.h"

#include <boost/asio/co_spawn.hpp>

#include <functional>
#include <memory>
#include <string>

namespace isa::net {

// One thread that runs one io_context: the place where a role lives. Nothing on it may block.
class EventLoop {
 public:
  explicit EventLoop(std::string name);  // At most 15 characters: shown by ps and top.
  ~EventLoop();                          // Stops and joins.
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  asio::any_io_executor executor() const;
  // Runs a task on the loop from outside of it and waits for its result; never call it on an event loop.
  void run(Task<void> task);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Runs `task` on another loop and resumes on the caller's. This is how one role calls another in the same
// process: no object is ever touched by two loops.
template <class T>
Task<T> call_on(asio::any_io_executor executor, Task<T> task) {
  return asio::co_spawn(std::move(executor), std::move(task), asio::use_awaitable);
}

}  // namespace isa::net
