#pragma once

#include "agent/approvals/run_pause.h"
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
//   row created -> session_start -> (queued) -> the turn's events -> (waiting for people -> more of them) ->
//   result | error, session_end -> row, events and history in one transaction of the store -> the log forgets
//   the run -> readers see the end of the stream
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
  // Goes on with a run that waited when the platform was started, or with a team that a crash cut off.
  void revive(WaitingRun waiting, Continuation from);
  // Waits until the run is in the store: from then on it survives a crash, and may be spoken of.
  Task<Result<void>> accepted(std::shared_ptr<LiveRun> run);
  // Waits for the end of the run; false when the deadline came first.
  Task<bool> ended(std::shared_ptr<LiveRun> run, Deadline deadline = Deadline::never());
  // The same, or until the run asks somebody: false then.
  Task<bool> ended_or_waiting(std::shared_ptr<LiveRun> run);
  // Cancels the session's runs, waits for their end and gives back its sandbox.
  Task<void> forget_session(SessionId session);

  const RunRegistry& registry() const { return registry_; }
  RunRegistry& queues() { return registry_; }
  // Says something to a run whose turn is under way; it hears it before its next model call. conflict with
  // code turn_not_running when it does not listen (any more).
  Task<Result<void>> steer(LiveRun& run, std::string message);

  // Refuses new runs, waits up to drain_timeout for the live ones, then interrupts them; lets go of those
  // that wait for people, which the next start finds. Idempotent.
  Task<void> stop();

 private:
  Task<void> drive(std::shared_ptr<LiveRun> run);
  Task<void> live(LiveRun& run);
  Task<Result<void>> create_rows(LiveRun& run);
  Task<Result<void>> ensure_session(LiveRun& run);
  Task<void> begin(LiveRun& run);
  Task<void> turn(LiveRun& run);
  Task<Result<void>> execute(LiveRun& run);
  Task<Result<Turn>> turn_of(LiveRun& run);
  Task<Result<void>> execute_part(TurnExecutor& place, LiveRun& run, Turn turn);
  Task<Result<void>> cut_off_calls(LiveRun& run);
  Task<Result<void>> keep(LiveRun& run, json::object team_state);
  void let_go(LiveRun& run);
  Task<void> finish(LiveRun& run);
  Task<void> store_end(LiveRun& run, const RunEnding& ending);

  asio::any_io_executor executor_;
  Parts parts_;
  AgentServiceConfig config_;
  RunPause pause_;
  RunRegistry registry_;
  bool is_stopping_ = false;
  TaskGroup runs_;
};

}  // namespace isa::agent
