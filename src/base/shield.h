#pragma once

#include "base/signal.h"
#include "base/task_group.h"

#include <memory>
#include <optional>

namespace isa {

// Runs `work` as a task of the group and waits for it: when the caller is cancelled, the work goes on. For
// steps that must not be cut in half.
inline Task<Result<void>> shielded(TaskGroup& tasks, std::string name, Task<Result<void>> work) {
  struct State {
    explicit State(asio::any_io_executor executor) : done(std::move(executor)) {}
    Signal done;
    std::optional<Result<void>> result;
  };
  struct Finish {
    State& state;
    ~Finish() {
      if (!state.result) state.result = service_unavailable("the service is shutting down");
      state.done.notify();
    }
  };
  const auto state = std::make_shared<State>(tasks.executor());
  const auto keep = [](std::shared_ptr<State> kept, Task<Result<void>> task) -> Task<void> {
    const Finish finish{*kept};
    auto result = co_await std::move(task);
    kept->result = std::move(result);
  };
  tasks.spawn(std::move(name), keep(state, std::move(work)));
  while (!state->result) co_await state->done.wait();
  co_return *state->result;
}

}  // namespace isa
