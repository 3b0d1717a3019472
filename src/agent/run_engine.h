#pragma once

#include "agent/approvals/run_pause.h"
#include "agent/hand_over.h"
#include "agent/recovery.h"
#include "agent/run_continuation.h"
#include "agent/run_registry.h"
#include "agent/settings.h"
#include "base/task_group.h"

#include <map>
#include <memory>

namespace isa::agent {

// Drives runs from their row in the store to their last event. A run belongs to the engine: whoever asked for
// it may leave at any time. Each is one task that cannot be cancelled; what can is the turn inside it, and
// every way out of the turn leads through the same end:
//
//   row created -> session_start -> (queued) -> begun -> the turn's events -> (waiting for people -> more of
//   them) -> result | error, session_end -> row, events and history in one transaction of the store -> the
//   log forgets the run -> readers see the end of the stream
//
// A run that waits in its session's queue, or for people, needs no process: it is in the store, and the next
// start of the platform goes on with it. One that has begun never begins again.
//
// Lives on one event loop.
class RunEngine {
 public:
  struct Parts {
    store::SessionStore& sessions;
    store::RunStore& runs;
    store::ApprovalStore& approvals;
    store::EventLog& log;
    std::map<store::ExecutionEnv, TurnExecutor*> executors;
    TurnExecutor& teams;  // For agents that are a team.
  };
  RunEngine(asio::any_io_executor executor, Parts parts, AgentServiceConfig config);

  // Begins at once. service_unavailable when the platform stops or is full, rate_limit_exceeded when too many
  // runs of the session wait already.
  Result<std::shared_ptr<LiveRun>> start(RunOrder order);
  // Goes on with a run that waited when the platform was started, or with a team whose tasks a crash cut off.
  // Runs of one session in their order.
  void revive(WaitingRun waiting, Continuation from);
  // Waits until the run is in the store: from then on it survives a crash, and may be spoken of.
  Task<Result<void>> accepted(std::shared_ptr<LiveRun> run);
  // Waits for the end of the run; false when the deadline came first.
  Task<bool> ended(std::shared_ptr<LiveRun> run, Deadline deadline = Deadline::never());
  // The same, or until the run asks somebody, or this process lets go of it: false then.
  Task<bool> ended_or_waiting(std::shared_ptr<LiveRun> run);
  // Cancels the session's runs, waits for their end and gives back its sandbox.
  Task<void> forget_session(SessionId session);

  const RunRegistry& registry() const { return registry_; }
  RunRegistry& queues() { return registry_; }
  // For what is said to a run after it began.
  HandOver& hand_over() { return hand_over_; }

  // Refuses new runs, lets go of those that wait, in a queue or for people, which the next start finds; waits
  // up to drain_timeout for those that have begun, then interrupts them. Idempotent.
  Task<void> stop();

 private:
  Task<void> drive(std::shared_ptr<LiveRun> run);
  Task<void> live(LiveRun& run);
  Task<Result<void>> create_rows(LiveRun& run);
  Task<Result<void>> ensure_session(LiveRun& run);
  Task<void> begin(LiveRun& run);
  Task<Result<void>> say_hello(LiveRun& run);
  Task<void> turn(LiveRun& run);
  Task<Result<void>> execute(LiveRun& run);
  Task<Result<Turn>> turn_of(LiveRun& run);
  Task<Result<void>> execute_part(TurnExecutor& place, LiveRun& run, Turn turn);
  Task<Result<void>> cut_off_calls(LiveRun& run);
  Task<Result<void>> keep(LiveRun& run, json::object team_state);
  Task<void> let_go(LiveRun& run);
  void say_by_itself(LiveRun& run);
  Task<void> finish(LiveRun& run);
  Task<void> store_end(LiveRun& run, const RunEnding& ending);

  asio::any_io_executor executor_;
  Parts parts_;
  AgentServiceConfig config_;
  RunPause pause_;
  RunRegistry registry_;
  HandOver hand_over_;
  bool is_stopping_ = false;
  TaskGroup runs_;
};

}  // namespace isa::agent
