// What the routes for ad-hoc teams take: a prompt and a routing_spec, side by side.
#pragma once

#include "sdk/team/spec.h"
#include "store/agent_config.h"

#include <string_view>

namespace isa::agent {

enum class SwarmRoute { swarm, dag, either };  // What /swarm, /swarm/dag and /swarm/stream run.

struct SwarmBody {
  std::string message;
  std::optional<SessionId> session_id;
  store::ExecutionEnv env = store::ExecutionEnv::cloud_shared;
  json::object metadata;
  std::optional<TeamId> multi_agent_id;  // A kept team; then there is no `team`.
  std::optional<std::string> entry_agent_override;
  std::optional<sdk::team::TeamSpec> team;
};

// prompt (or message), session_id, env, metadata, entry_agent_override; and either multi_agent_id or the
// fields of a routing_spec. `parallel`, of the original, is execution_mode.
Result<SwarmBody> parse_swarm(std::string_view text, SwarmRoute route);

// Whether the route runs such a team.
Result<void> check_route(const sdk::team::TeamSpec& team, SwarmRoute route);

}  // namespace isa::agent
