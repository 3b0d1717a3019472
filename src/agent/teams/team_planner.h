#pragma once

#include "agent/teams/team_plan.h"
#include "base/identity.h"
#include "model/client.h"
#include "store/approval.h"
#include "store/team_spec.h"

#include <memory>

namespace isa::agent {

// A team to be run. Of one that is kept, which version.
struct WantedTeam {
  sdk::team::TeamSpec spec;
  std::optional<TeamId> id = std::nullopt;
  std::optional<std::int64_t> version = std::nullopt;
  std::optional<AgentId> agent = std::nullopt;  // That is this team, if one is,
  sdk::Budget budget = {};                      // and what all members together may use up.
};

// Makes teams ready to run for whoever asks.
class TeamPlanner {
 public:
  TeamPlanner(store::TeamSpecStore& teams, store::AgentConfigStore& configs, store::ApprovalStore& approvals,
              const SkillLibrary& skills, model::ModelClient& model, std::string default_model)
      : teams_(teams),
        configs_(configs),
        approvals_(approvals),
        skills_(skills),
        model_(model),
        default_model_(std::move(default_model)) {}

  // The team that an agent is, by its metadata.multi_agent_id. failed_dependency (team_not_found) when it is
  // gone or not `who`'s to see.
  Task<Result<WantedTeam>> find(Identity who, TeamId id, std::optional<std::string> entry_agent_override);

  // Looks up the members that are agent configs, under the identity of `who`, and the skills of all, and asks
  // whether every model can answer, and has a price where it needs one. Members that are defined in the spec
  // run in `env`. validation_error for a member whose config does not exist, or that cannot be a member.
  Task<Result<std::shared_ptr<const TeamPlan>>> plan(Identity who, WantedTeam wanted,
                                                     store::ExecutionEnv env);
  // The skills of a plan that was read back.
  Task<Result<void>> add_skills(Identity who, TeamPlan& plan);

 private:
  Task<Result<void>> place(const Identity& who, sdk::team::Member& member, MemberPlace& place);
  Task<Result<void>> add_questions(const Identity& who, TeamPlan& plan, const std::optional<AgentId>& agent);

  store::TeamSpecStore& teams_;
  store::AgentConfigStore& configs_;
  store::ApprovalStore& approvals_;
  const SkillLibrary& skills_;
  model::ModelClient& model_;
  std::string default_model_;
};

}  // namespace isa::agent
