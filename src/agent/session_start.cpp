#include "agent/session_start.h"

namespace isa::agent {

sdk::Event session_start(const store::Run& run, bool is_resumed) {
  sdk::Event event{sdk::EventType::session_start, "", {}};
  event.metadata["agent_id"] = run.agent_config_id ? json::value(run.agent_config_id->value()) : nullptr;
  event.metadata["agent_version"] = run.agent_version ? json::value(*run.agent_version) : nullptr;
  event.metadata["resumed"] = is_resumed;
  if (run.team_id) {
    event.metadata["multi_agent_id"] = run.team_id->value();
    event.metadata["multi_agent_version"] = run.team_version.value_or(1);
  }
  return event;
}

}  // namespace isa::agent
