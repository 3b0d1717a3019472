#pragma once

#include "agent/chat_planner.h"
#include "agent/run_engine.h"
#include "agent/triggers/life.h"
#include "base/signal.h"

#include <set>

namespace isa::agent {

// From a firing in the store to its run, and from the run's end back to the firing and its trigger.
//
// A firing is recorded with the id of its run before that run exists. So a crash at any moment leaves either
// no firing, or one whose run is started after the restart, or one whose run is there already; the run itself
// is created at most once. Exactly once per firing: a run; at most once: its turn, for a run that a crash
// cuts off ends as interrupted, like any other (agent/recovery.h), and is not repeated.
//
// Lives on the service's event loop.
class FiringRunner {
 public:
  struct Parts {
    store::TriggerStore& triggers;
    store::AgentConfigStore& configs;
    store::RunStore& runs;
    ChatPlanner& planner;
    RunEngine& engine;
  };
  FiringRunner(asio::any_io_executor executor, Parts parts, TriggerPolicy policy)
      : parts_(parts), policy_(policy), changed_(executor), runs_(executor) {}

  // After recover_runs(): what became of the firings that had not ended when the process before this one did.
  Task<Result<void>> recover();
  void launch(store::Firing firing);
  // The same, and waits until the run is there to be looked at, or cannot begin, or for a short while:
  // whoever is told of the run may ask for it at once.
  Task<void> launch_and_wait(store::Firing firing);
  // Those under way stay open in the store; recover() of the next start looks at them.
  Task<void> stop();

  // In whose name a trigger runs: its owner's, with the organizations that are stored with it, as a plain
  // member of them. Who left one since still reaches what it shares until the trigger is changed.
  static Identity owner_of(const store::Trigger& trigger);
  // not_found; validation_error when the agent's mode is not PROACTIVE.
  Task<Result<void>> check_agent(const store::Trigger& trigger);

 private:
  struct Outcome {
    store::FiringState state = store::FiringState::failed;
    std::string error;
    bool is_final = false;  // No run of this trigger can ever begin.
  };
  class Beginning;
  Task<void> drive(store::Firing firing, std::unique_ptr<Beginning> beginning);
  Task<Result<std::shared_ptr<LiveRun>>> begin(const store::Trigger& trigger, const store::Firing& firing);
  // Nothing when this process lets go of the run, which waits for a person: the firing stays open with it.
  Task<std::optional<Outcome>> outcome(const store::Trigger& trigger, const store::Firing& firing,
                                       Beginning& beginning);
  Task<std::optional<Outcome>> end_of(std::shared_ptr<LiveRun> run);
  Task<void> follow(store::Firing firing, std::shared_ptr<LiveRun> run);
  Task<void> conclude(const store::Firing& firing, Outcome ended);
  Task<Result<void>> settle(const store::Firing& firing, Outcome outcome);
  Task<Result<void>> recover(store::Firing firing);
  Task<Result<store::Trigger>> trigger_of(const store::Firing& firing);

  Parts parts_;
  TriggerPolicy policy_;
  std::set<RunId> beginning_;  // Runs that are not in the store yet.
  Signal changed_;             // One of those is, or never will be.
  TaskGroup runs_;
};

}  // namespace isa::agent
