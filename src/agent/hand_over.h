#pragma once

#include "agent/run_registry.h"
#include "base/task_group.h"

#include <map>

namespace isa::agent {

// A run of its own with the options of `run`, behind it.
RunOrder order_after(const LiveRun& run, std::string message);

// What is said to a run after it began: a word to its turn, or the message of a run that waits behind it.
//
// The message of a queued run is its run's until the other has heard it. That is known from the event
// `steered` of the other, which names the queued run: once the log has it the queued run ends as `steered`;
// until then it stays where it is, and if the other ends it runs in its turn. So a message is neither lost
// nor handed twice, whatever happens in between; after a crash recovery looks for the same event
// (agent/recovery.cpp).
//
// A run that waits for a person hears what is kept for it when it goes on.
//
// A turn is asked whether it still listens in a task of this object: a caller that is cut off meanwhile
// leaves nothing half said, and a sandbox that does not answer holds the message as long as the pool waits
// for it, no longer. Lives on the service's event loop.
class HandOver {
 public:
  HandOver(asio::any_io_executor executor, RunRegistry& registry, store::RunStore& runs,
           std::map<store::ExecutionEnv, TurnExecutor*> places, TurnExecutor& teams)
      : registry_(registry),
        runs_(runs),
        places_(std::move(places)),
        teams_(teams),
        asking_(std::move(executor)) {}

  // conflict (turn_not_running) for a run that never hears anything: a team with tasks, or one that has
  // not begun.
  Result<void> check_hears(const LiveRun& run) const;
  // To a run whose turn is under way; it hears it before its next model call. conflict with code
  // turn_not_running when it does not listen (any more).
  Task<Result<void>> say(LiveRun& run, std::string message);
  // The message of a run that waits in the queue, to one that is under way before it; the same errors.
  Task<Result<void>> give(LiveRun& queued, LiveRun& to);

  // For the engine. What a turn that goes on is to be told first: nothing of it can be changed from here on.
  std::vector<std::string> said_to(const LiveRun& run);
  // The turn was suspended: what it has not heard waits with it.
  void take_back(const LiveRun& run);
  // Passes on a `steered` event of the run's turn; drops one of what nobody said to it.
  Task<Result<void>> hear(LiveRun& run, sdk::Event event);
  // The run is over: what it has not heard is said by the queued runs themselves.
  void release(const LiveRun& run);
  // When no run is left.
  Task<void> stop() { return asking_.stop(); }

 private:
  // Of what a turn says it has heard.
  struct Heard {
    bool is_known = false;            // Somebody said it.
    std::shared_ptr<LiveRun> queued;  // Whose message it is; null for a word to the run itself.
  };
  std::vector<std::shared_ptr<LiveRun>> speakers_to(const LiveRun& run) const;
  Task<Result<void>> say_it(std::shared_ptr<LiveRun> run, std::string message);
  Task<Result<void>> give_it(std::shared_ptr<LiveRun> queued, std::shared_ptr<LiveRun> to);
  Task<Result<void>> offer(LiveRun& queued, LiveRun& to);
  TurnExecutor& place_of(const LiveRun& run) const;
  Heard heard_by(LiveRun& run, const std::string& said) const;

  RunRegistry& registry_;
  store::RunStore& runs_;
  std::map<store::ExecutionEnv, TurnExecutor*> places_;
  TurnExecutor& teams_;
  std::int64_t words_ = 0;
  TaskGroup asking_;
};

}  // namespace isa::agent
