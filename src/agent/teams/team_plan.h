#pragma once

#include "sdk/team/spec.h"
#include "store/agent_config.h"

#include <map>

namespace isa::agent {

// Where the turns of a member run, and as what.
struct MemberPlace {
  using json_defaults = void;
  store::ExecutionEnv env = store::ExecutionEnv::cloud_pool;
  std::optional<AgentId> agent_id;
  std::vector<std::string> egress;
};
BOOST_DESCRIBE_STRUCT(MemberPlace, (), (env, agent_id, egress))

// A team that can run: every member is known, allowed to whoever asked, and has a model that can answer.
struct TeamPlan {
  using json_defaults = void;
  sdk::team::TeamSpec spec;
  std::map<std::string, MemberPlace> places;  // By the member's name.
  std::optional<std::int64_t> max_tokens;     // Input and output of all members together.
};
BOOST_DESCRIBE_STRUCT(TeamPlan, (), (spec, places, max_tokens))

}  // namespace isa::agent
