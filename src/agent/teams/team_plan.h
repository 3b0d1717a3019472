#pragma once

#include "agent/skills/library.h"
#include "sdk/team/spec.h"
#include "store/agent_config.h"

#include <map>

namespace isa::agent {

// Where the turns of a member run, as what, and what it asks people about.
struct MemberPlace {
  store::ExecutionEnv env = store::ExecutionEnv::cloud_pool;
  std::optional<AgentId> agent_id;
  std::vector<std::string> egress;
  std::optional<OrgId> org;  // Whose skills come first.
  store::Mode mode = store::Mode::REACTIVE;
  std::vector<store::ApprovalRule> approval_rules = {};  // Those whose patterns the member's agent has.
};
BOOST_DESCRIBE_STRUCT(MemberPlace, (), (env, agent_id, egress, org, mode, approval_rules))

// A team that can run: every member is known, allowed to whoever asked, and has a model that can answer.
struct TeamPlan {
  sdk::team::TeamSpec spec;
  std::map<std::string, MemberPlace> places;  // By the member's name.
  std::optional<std::int64_t> max_tokens;     // Input and output of all members together.
  std::optional<TeamId> id;                   // Of a team that is kept, and its version.
  std::optional<std::int64_t> version;
  std::map<std::string, TurnSkills> skills = {};  // By the member's name. Looked up anew by whoever reads a
                                                  // plan back.
};
BOOST_DESCRIBE_STRUCT(TeamPlan, (), (spec, places, max_tokens, id, version))

// A call of a member that waits: whose it is.
struct CallOrigin {
  std::string member;
  std::optional<std::string> task_id;  // Of a team with tasks.
};
BOOST_DESCRIBE_STRUCT(CallOrigin, (), (member, task_id))

}  // namespace isa::agent
