#pragma once

#include "agent/skills/library.h"
#include "sdk/budget.h"
#include "sdk/team/spec.h"
#include "store/agent_config.h"

#include <map>

namespace isa::agent {

// In whose name the skills of a member are looked up (skills_scope()). The roles of then are not kept.
struct SkillsName {
  UserId user;
  std::vector<OrgId> orgs;
};
BOOST_DESCRIBE_STRUCT(SkillsName, (), (user, orgs))

// Where the turns of a member run, as what, and what it asks people about.
struct MemberPlace {
  using json_defaults = void;
  store::ExecutionEnv env = store::ExecutionEnv::cloud_pool;
  std::optional<AgentId> agent_id;
  std::vector<std::string> egress;
  std::optional<OrgId> org;  // Whose skills come first.
  store::Mode mode = store::Mode::REACTIVE;
  std::vector<store::ApprovalRule> approval_rules = {};  // Those whose patterns the member's agent has.
  std::optional<SkillsName> skills_of = {};              // Of a config; without: of whoever asks.
};
BOOST_DESCRIBE_STRUCT(MemberPlace, (), (env, agent_id, egress, org, mode, approval_rules, skills_of))

// A team that can run: every member is known, allowed to whoever asked, and has a model that can answer.
struct TeamPlan {
  using json_defaults = void;
  sdk::team::TeamSpec spec;
  std::map<std::string, MemberPlace> places;  // By the member's name.
  std::optional<std::int64_t> max_tokens;     // Input and output of all members together.
  std::optional<Usd> max_usd;                 // Likewise.
  std::optional<TeamId> id;                   // Of a team that is kept, and its version.
  std::optional<std::int64_t> version;
  std::map<std::string, TurnSkills> skills = {};  // By the member's name. Looked up anew by whoever reads a
                                                  // plan back.

  sdk::Budget budget() const { return {max_tokens, max_usd}; }
};
BOOST_DESCRIBE_STRUCT(TeamPlan, (), (spec, places, max_tokens, max_usd, id, version))

// A call of a member that waits: whose it is.
struct CallOrigin {
  std::string member;
  std::optional<std::string> task_id;  // Of a team with tasks.
};
BOOST_DESCRIBE_STRUCT(CallOrigin, (), (member, task_id))

}  // namespace isa::agent
