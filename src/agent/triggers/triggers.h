#pragma once

#include "agent/settings.h"
#include "agent/triggers/event_intake.h"
#include "store/session.h"

namespace isa::agent {

// Everything about triggers: they are made and changed here, and fire from here. Lives on the service's event
// loop.
class Triggers {
 public:
  struct Parts {
    store::TriggerStore& triggers;
    store::AgentConfigStore& configs;
    store::SessionStore& sessions;
    store::RunStore& runs;
    ChatPlanner& planner;
    RunEngine& engine;
    const Sealer& sealer;
  };
  Triggers(asio::any_io_executor executor, Parts parts, const AgentServiceConfig& config);

  // After recover_runs().
  Task<Result<void>> start();
  // No new firings; those under way stay open in the store. After it the engine may be stopped.
  Task<void> stop_firing();
  // After the engine was stopped.
  Task<void> stop();

  struct Made {
    store::Trigger trigger;
    std::string secret;  // Of a webhook: shown to whoever made it, and never again.
  };
  // validation_error when the agent's mode is not PROACTIVE and the trigger is to be enabled.
  Task<Result<Made>> create(const Identity& owner, store::TriggerId id, CreateTrigger body);
  // What create() has made, for whoever did not get its answer: with the secret, which is opened again.
  Task<Result<Made>> made(Identity who, store::TriggerId id);
  Task<Result<store::Trigger>> patch(Identity who, store::TriggerId id, PatchTrigger body);
  Task<Result<void>> remove(Identity who, store::TriggerId id);
  // A test run, now, whatever its rule and cooldown say; also of a disabled one.
  Task<Result<store::Firing>> fire(Identity who, store::TriggerId id, store::FiringId firing, RunId run,
                                   json::object payload);

  store::TriggerStore& store() { return parts_.triggers; }
  EventIntake& intake() { return intake_; }

 private:
  Task<Result<void>> check_session(const store::Trigger& trigger);

  Parts parts_;
  TriggerPolicy policy_;
  std::int64_t limit_;
  RuleDesk desk_;
  FiringRunner runner_;
  TriggerScheduler scheduler_;
  EventIntake intake_;
};

}  // namespace isa::agent
