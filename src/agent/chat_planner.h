#pragma once

#include "agent/chat_request.h"
#include "agent/live_run.h"
#include "agent/teams/team_planner.h"
#include "model/client.h"
#include "store/agent_config.h"
#include "store/approval.h"

namespace isa::agent {

std::optional<Usd> max_usd_of(const store::RunLimits& limits);
// Whether a limit of money can hold for an agent in `env` with that model: model_price_unknown otherwise.
Task<Result<void>> check_max_usd(model::ModelClient& model, store::ExecutionEnv env, std::string model_id);
// Without an agent there is no deployment to run in: a 422 of /env.
Result<void> check_deployment(store::ExecutionEnv env, const std::optional<AgentId>& agent);
// What the loop is told of an agent.
sdk::AgentSpec spec_of(const store::AgentConfig& config);
// Its MCP servers. Whoever names a server's address means it to be reached: it counts as allowed, with its
// port and nothing else.
Result<void> add_mcp_servers(const store::AgentConfig& config, sdk::AgentSpec& agent,
                             std::vector<std::string>& egress);

// A team that a request brings itself, or names.
struct TeamOptions {
  WantedTeam team;
  std::optional<SessionId> session_id;
  store::ExecutionEnv env = store::ExecutionEnv::cloud_shared;
  json::object metadata;
};

// Turns what a caller asked for into an order that the engine can carry out: the session found or made up,
// the agent in the version that the session is pinned to, what the request overrides, a model that can
// answer.
class ChatPlanner {
 public:
  ChatPlanner(store::AgentConfigStore& configs, store::SessionStore& sessions,
              store::ApprovalStore& approvals, const SkillLibrary& skills, model::ModelClient& model,
              TeamPlanner& teams, std::string default_model)
      : configs_(configs),
        sessions_(sessions),
        approvals_(approvals),
        skills_(skills),
        model_(model),
        teams_(teams),
        default_model_(std::move(default_model)) {}

  // not_found for an agent or a session of somebody else; conflict when the session was begun with another
  // agent; failed_dependency when the model is not configured. Writes nothing.
  Task<Result<RunOrder>> plan(Identity who, ChatOptions options, std::string message);

  // The same for an ad-hoc team.
  Task<Result<RunOrder>> plan_team(Identity who, TeamOptions options, std::string message);

  // A session yet to be stored; its title is cut from `opening`.
  static store::Session new_session(const Identity& owner, std::optional<SessionId> id,
                                    const store::AgentConfig* agent, std::string_view opening);

 private:
  struct Conversation {
    std::optional<store::Session> session;
    std::optional<store::AgentConfig> agent;
  };
  Task<Result<Conversation>> look_up(const Identity& who, const ChatOptions& options);
  Task<Result<store::AgentConfig>> find_agent(const Identity& who, const AgentId& id,
                                              std::optional<std::int64_t> version);
  // Nothing for an agent that is no team.
  Task<Result<std::shared_ptr<const TeamPlan>>> team_of(const Identity& who, const store::AgentConfig* agent,
                                                        const ChatOptions& options, store::ExecutionEnv env);

  Task<Result<void>> add_questions(RunOrder& order);

  store::AgentConfigStore& configs_;
  store::SessionStore& sessions_;
  store::ApprovalStore& approvals_;
  const SkillLibrary& skills_;
  model::ModelClient& model_;
  TeamPlanner& teams_;
  std::string default_model_;
};

}  // namespace isa::agent
