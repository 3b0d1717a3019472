#include "base/task_group.h"

#include "base/log.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/system/system_error.hpp>

#include <cstdlib>
#include <exception>

namespace isa {

TaskGroup::TaskGroup(asio::any_io_executor executor)
    : executor_(executor), empty_(executor, asio::steady_timer::time_point::max()) {}

TaskGroup::~TaskGroup() {
  if (running_.empty()) return;
  log::error("task_group.destroyed_while_running", {{"tasks", running_.size()}});
  std::abort();
}

void TaskGroup::spawn(std::string name, Task<void> task) {
  spawn(std::move(name), std::move(task), nullptr);
}

void TaskGroup::spawn(std::string name, Task<void> task,
                      std::shared_ptr<asio::cancellation_signal> cancellation) {
  const auto entry = running_.emplace(running_.end());
  entry->given = std::move(cancellation);
  auto on_exit = [this, entry, name = std::move(name)](std::exception_ptr failure) {
    running_.erase(entry);
    if (running_.empty()) empty_.cancel();
    try {
      if (failure) std::rethrow_exception(failure);
    } catch (const boost::system::system_error& e) {
      if (e.code() != asio::error::operation_aborted)
        log::error("task.failed", {{"task", name}, {"detail", e.what()}});
    } catch (const std::exception& e) {
      log::error("task.failed", {{"task", name}, {"detail", e.what()}});
    }
  };
  asio::co_spawn(executor_, std::move(task),
                 asio::bind_cancellation_slot(entry->signal().slot(),
                                              asio::bind_executor(executor_, std::move(on_exit))));
}

void TaskGroup::cancel() {
  // A task may finish, and so erase its signal, while we emit: step before emitting.
  for (auto it = running_.begin(); it != running_.end();) {
    auto& running = *it++;
    const auto kept = running.given;
    running.signal().emit(asio::cancellation_type::terminal);
  }
}

Task<void> TaskGroup::stop() {
  while (!running_.empty()) {
    cancel();
    if (!running_.empty()) co_await empty_.async_wait(no_throw);
  }
}

Task<void> TaskGroup::join() {
  while (!running_.empty()) co_await empty_.async_wait(no_throw);
}

}  // namespace isa
