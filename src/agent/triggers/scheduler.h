#pragma once

#include "agent/triggers/firing_runner.h"
#include "base/signal.h"

namespace isa::agent {

// Fires schedules when they are due: one task that sleeps until the next of them all. A due time is fired at
// most once, for the firing and the trigger's next due time are written together; one that passed while the
// platform was down is fired at the start, once however many were missed.
class TriggerScheduler {
 public:
  TriggerScheduler(asio::any_io_executor executor, store::TriggerStore& triggers, FiringRunner& runner,
                   TriggerPolicy policy)
      : triggers_(triggers),
        runner_(runner),
        policy_(policy),
        changed_(executor),
        task_(std::move(executor)) {}

  void start() { task_.spawn("triggers.schedule", run()); }
  // A trigger was made or changed: the next due time may be another.
  void wake() { changed_.notify(); }
  Task<void> stop() { co_await task_.stop(); }

 private:
  Task<void> run();
  // Fires what is due; whether there may be more.
  Task<Result<bool>> fire_due();
  Task<Result<void>> fire(const store::Trigger& trigger, Timestamp at);

  store::TriggerStore& triggers_;
  FiringRunner& runner_;
  TriggerPolicy policy_;
  Signal changed_;
  TaskGroup task_;
};

}  // namespace isa::agent
