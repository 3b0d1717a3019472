#pragma once

#include "agent/chat_request.h"
#include "agent/live_run.h"
#include "model/client.h"
#include "store/agent_config.h"

namespace isa::agent {

// Turns what a caller asked for into an order that the engine can carry out: the session found or made up,
// the agent in the version that the session is pinned to, what the request overrides, a model that can
// answer.
class ChatPlanner {
 public:
  ChatPlanner(store::AgentConfigStore& configs, store::SessionStore& sessions, const SkillLibrary& skills,
              model::ModelClient& model, std::string default_model)
      : configs_(configs),
        sessions_(sessions),
        skills_(skills),
        model_(model),
        default_model_(std::move(default_model)) {}

  // not_found for an agent or a session of somebody else; conflict when the session was begun with another
  // agent; failed_dependency when the model is not configured. Writes nothing.
  Task<Result<RunOrder>> plan(Identity who, ChatOptions options, std::string message);

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

  store::AgentConfigStore& configs_;
  store::SessionStore& sessions_;
  const SkillLibrary& skills_;
  model::ModelClient& model_;
  std::string default_model_;
};

}  // namespace isa::agent
