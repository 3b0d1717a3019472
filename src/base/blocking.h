// The one way from a thread that may block into a coroutine: for worker threads and main(), never on an event
// loop.
#pragma once

#include "base/deadline.h"
#include "base/task_group.h"

#include <boost/asio/io_context.hpp>

namespace isa {

// Runs one task to its end on the calling thread, on an event loop that lives only for it: what it opens on
// that loop must be closed when it ends. An exception of the task becomes an internal error.
template <class T>
Result<T> run_blocking(Task<Result<T>> task) {
  asio::io_context context(1);
  std::optional<Result<T>> result;
  TaskGroup tasks(context.get_executor());
  tasks.spawn("blocking call", detail::keep(std::move(task), result));
  context.run();
  if (!result) return internal_error("a blocking call ended without a result");
  return std::move(*result);
}

}  // namespace isa
