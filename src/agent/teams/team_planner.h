#pragma once

#include "agent/teams/team_plan.h"
#include "base/identity.h"
#include "model/client.h"
#include "store/team_spec.h"

#include <memory>

namespace isa::agent {

// Makes teams ready to run for whoever asks.
class TeamPlanner {
 public:
  TeamPlanner(store::TeamSpecStore& teams, store::AgentConfigStore& configs, model::ModelClient& model,
              std::string default_model)
      : teams_(teams), configs_(configs), model_(model), default_model_(std::move(default_model)) {}

  // The team that an agent is, by its metadata.multi_agent_id. failed_dependency (team_not_found) when it is
  // gone or not `who`'s to see.
  Task<Result<sdk::team::TeamSpec>> find(Identity who, TeamId id,
                                         std::optional<std::string> entry_agent_override);

  // Looks up the members that are agent configs, under the identity of `who`, and asks whether every model
  // can answer, and has a price where it needs one. Members that are defined in the spec run in `env`.
  // validation_error for a member whose config does not exist, or that cannot be a member.
  Task<Result<std::shared_ptr<const TeamPlan>>> plan(Identity who, sdk::team::TeamSpec spec,
                                                     store::ExecutionEnv env, sdk::Budget budget);

 private:
  Task<Result<void>> place(const Identity& who, sdk::team::Member& member, MemberPlace& place);

  store::TeamSpecStore& teams_;
  store::AgentConfigStore& configs_;
  model::ModelClient& model_;
  std::string default_model_;
};

}  // namespace isa::agent
