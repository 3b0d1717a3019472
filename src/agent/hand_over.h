#pragma once

#include "agent/run_registry.h"

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
// A run that waits for a person hears what is kept for it when it goes on. Lives on the service's event loop.
class HandOver {
 public:
  HandOver(RunRegistry& registry, store::RunStore& runs, std::map<store::ExecutionEnv, TurnExecutor*> places,
           TurnExecutor& teams)
      : registry_(registry), runs_(runs), places_(std::move(places)), teams_(teams) {}

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
  // Passes on a `steered` event of the run's turn.
  Task<Result<void>> hear(LiveRun& run, sdk::Event event);
  // The run is over: what it has not heard is said by the queued runs themselves.
  void release(const LiveRun& run);

 private:
  std::vector<std::shared_ptr<LiveRun>> speakers_to(const LiveRun& run) const;
  Task<Result<void>> offer(LiveRun& queued, LiveRun& to);
  TurnExecutor& place_of(const LiveRun& run) const;
  std::shared_ptr<LiveRun> heard_one(LiveRun& run, const std::string& said) const;

  RunRegistry& registry_;
  store::RunStore& runs_;
  std::map<store::ExecutionEnv, TurnExecutor*> places_;
  TurnExecutor& teams_;
  std::int64_t words_ = 0;
};

}  // namespace isa::agent
