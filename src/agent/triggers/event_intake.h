#pragma once

#include "agent/triggers/rule_desk.h"
#include "agent/triggers/scheduler.h"
#include "agent/triggers/sealer.h"
#include "agent/triggers/token_bucket.h"
#include "agent/triggers/trigger_request.h"

#include <map>

namespace isa::agent {

// What happened to one trigger because of an event.
struct EventVerdict {
  store::TriggerId trigger_id;
  bool fired = false;
  std::optional<store::FiringId> firing_id;
  std::optional<RunId> run_id;
  std::optional<std::string> why_not;  // trigger_cooldown, ..., or a sentence on the rule.
};
BOOST_DESCRIBE_STRUCT(EventVerdict, (), (trigger_id, fired, firing_id, run_id, why_not))

// What comes from outside and may fire a trigger: events of its owner, and webhooks of whoever has the
// secret. Lives on the service's event loop; conditions are looked at by the desk.
class EventIntake {
 public:
  EventIntake(store::TriggerStore& triggers, FiringRunner& runner, const Sealer& sealer, RuleDesk& desk,
              TriggerPolicy policy)
      : triggers_(triggers), runner_(runner), sealer_(sealer), desk_(desk), policy_(policy) {}

  // Of every enabled pattern and threshold of that user which is about such an event. Of two events with one
  // `seed` a trigger sees the first: so a request may be repeated that was cut off in the middle.
  Task<Result<std::vector<EventVerdict>>> event(UserId user, Event event, std::optional<std::string> seed);
  // unauthorized when there is no such webhook as well as when the signature is not its own: nobody learns
  // which there are. conflict with code webhook_replayed when that signature was taken before, or
  // trigger_disabled; rate_limit_exceeded while it rests or when too many come.
  Task<Result<EventVerdict>> webhook(store::TriggerId id, std::string signature, std::string body);

 private:
  struct Listener;
  Task<Result<std::vector<Listener>>> concerned(UserId user, const Event& event);
  Task<Result<EventVerdict>> hear(const Listener& listener, const Event& event,
                                  const std::optional<std::string>& seed);
  Task<Result<void>> tell_first(const store::FiringId& firing, EventVerdict& verdict);
  Task<Result<store::Trigger>> authenticate(store::TriggerId id, const std::string& signature,
                                            const std::string& body);
  Result<void> take_turn(const store::TriggerId& id, bool is_known);

  store::TriggerStore& triggers_;
  FiringRunner& runner_;
  const Sealer& sealer_;
  RuleDesk& desk_;
  TriggerPolicy policy_;
  TokenBucket strangers_{200, 50};
  std::map<store::TriggerId, TokenBucket> callers_;
};

}  // namespace isa::agent
