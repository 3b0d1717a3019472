// What a request may say of a trigger.
#pragma once

#include "agent/triggers/life.h"

namespace isa::agent {

struct CreateTrigger {
  std::string name;
  AgentId agent_config_id;
  store::TriggerType type = store::TriggerType::schedule;
  std::string prompt;
  Presence<json::object> rule;     // Of its type; only a webhook may do without.
  Presence<SessionId> session_id;  // Null: each run has a session of its own.
  Presence<std::int64_t> cooldown_s;
  Presence<bool> enabled;
};
BOOST_DESCRIBE_STRUCT(CreateTrigger, (),
                      (name, agent_config_id, type, prompt, rule, session_id, cooldown_s, enabled))

// Type and agent stay what they are.
struct PatchTrigger {
  Presence<std::string> name;
  Presence<std::string> prompt;
  Presence<json::object> rule;
  Presence<SessionId> session_id;
  Presence<std::int64_t> cooldown_s;
  Presence<bool> enabled;
};
BOOST_DESCRIBE_STRUCT(PatchTrigger, (), (name, prompt, rule, session_id, cooldown_s, enabled))

// Both read the rule (parse_rule).
Result<store::Trigger> create_trigger(store::TriggerId id, const CreateTrigger& body, UserId owner,
                                      Timestamp at);
// Another rule begins with an empty memory and its own next time.
Result<store::Trigger> patch_trigger(store::Trigger current, const PatchTrigger& body, Timestamp at);
// The same of a body that patch_trigger() has taken for this trigger already: its conditions are not read
// once more, so that it is quick enough for a transaction of the store.
Result<store::Trigger> change_trigger(store::Trigger current, const PatchTrigger& body, Timestamp at);

// POST events
struct EventBody {
  std::string type;
  json::value data;
};
BOOST_DESCRIBE_STRUCT(EventBody, (), (type, data))

Result<Event> parse_event(std::string_view text);

}  // namespace isa::agent
