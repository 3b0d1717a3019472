#include "agent/teams/swarm_request.h"

#include "agent/field_rules.h"
#include "agent/teams/team_rules.h"

#include <algorithm>

namespace isa::agent {
namespace {

constexpr std::size_t kMessageMax = 1 << 20;  // Bytes.

struct Asked {
  std::optional<std::string> prompt, message;
  std::optional<SessionId> session_id;
  std::optional<store::ExecutionEnv> env;
  std::optional<json::object> metadata;
  std::optional<TeamId> multi_agent_id;
  std::optional<std::string> entry_agent_override;
  std::optional<bool> parallel;
};
BOOST_DESCRIBE_STRUCT(Asked, (),
                      (prompt, message, session_id, env, metadata, multi_agent_id, entry_agent_override,
                       parallel))

constexpr std::string_view kOfTheRequest[] = {
    "prompt",   "message",        "session_id",           "env",
    "metadata", "multi_agent_id", "entry_agent_override", "parallel"};

Result<std::string> message_of(Asked& asked) {
  if (asked.prompt && asked.message)
    return validation_error("/message: is another name of 'prompt'; leave one of them out")
        .with_param("/message");
  auto text = asked.prompt ? std::move(asked.prompt) : std::move(asked.message);
  if (!text || text->empty())
    return validation_error("/prompt: this field is required and must not be empty").with_param("/prompt");
  if (text->size() > kMessageMax)
    return validation_error("/prompt: must have at most {} bytes", kMessageMax).with_param("/prompt");
  return *std::move(text);
}

// The same error, seen from a body that has the fields of a routing_spec at its top.
Error at_top(Error error) {
  constexpr std::string_view kSpec = "/routing_spec";
  if (!error.param().starts_with("/routing_spec/")) return error;
  auto message = error.message();
  if (message.starts_with(kSpec)) message.erase(0, kSpec.size());
  return validation_error("{}", message).with_param(error.param().substr(kSpec.size()));
}

Result<sdk::team::TeamSpec> team_of(json::object fields, const Asked& asked, SwarmRoute route) {
  if (asked.parallel && !fields.contains("execution_mode"))
    fields["execution_mode"] = *asked.parallel ? "parallel" : "sequential";
  const bool says_type = fields.contains("routing_type");
  sdk::team::TeamChoice choice;
  choice.entry_agent_override = asked.entry_agent_override;
  if (!says_type && route == SwarmRoute::swarm) choice.routing_type = "swarm";
  auto team = sdk::team::read_team(fields, choice);
  if (!team) return at_top(std::move(team).error());
  ISA_TRYV(check_members(*team));
  return team;
}

}  // namespace

Result<SwarmBody> parse_swarm(std::string_view text, SwarmRoute route) {
  ISA_TRY(auto document, json::parse(text));
  if (!document.is_object()) return validation_error("expected an object with a prompt and agents");
  json::object asked_fields, team_fields;
  for (auto& field : document.get_object()) {
    const bool is_asked =
        std::ranges::find(kOfTheRequest, std::string_view(field.key())) != std::end(kOfTheRequest);
    (is_asked ? asked_fields : team_fields)[field.key()] = std::move(field.value());
  }
  ISA_TRY(auto asked, json::read<Asked>(asked_fields));
  SwarmBody body;
  ISA_TRY(body.message, message_of(asked));
  if (asked.session_id) ISA_TRYV(check_id("session_id", asked.session_id->value()));
  if (asked.multi_agent_id && !team_fields.empty())
    return validation_error("/{0}: the team 'multi_agent_id' says this itself; leave one of them out",
                            std::string_view(team_fields.begin()->key()))
        .with_param("/" + std::string(team_fields.begin()->key()));
  if (!asked.multi_agent_id) {
    ISA_TRY(body.team, team_of(std::move(team_fields), asked, route));
    ISA_TRYV(check_route(*body.team, route));
  }
  body.session_id = std::move(asked.session_id);
  body.env = asked.env.value_or(body.env);
  body.metadata = std::move(asked.metadata).value_or(json::object());
  body.multi_agent_id = std::move(asked.multi_agent_id);
  body.entry_agent_override = std::move(asked.entry_agent_override);
  return body;
}

Result<void> check_route(const sdk::team::TeamSpec& team, SwarmRoute route) {
  if (route == SwarmRoute::dag && !team.runs_as_dag() && !team.tasks.empty())
    return validation_error(
               "/routing_type: says 'swarm', which runs no tasks, and this route runs the tasks of "
               "a team; leave it out, or use /api/v1/agents/swarm")
        .with_param("/routing_type");
  if (route == SwarmRoute::dag && !team.runs_as_dag())
    return validation_error(
               "/tasks: this route runs the tasks of a team; without tasks use /api/v1/agents/swarm")
        .with_param("/tasks");
  if (route == SwarmRoute::swarm && team.runs_as_dag())
    return validation_error("/routing_type: this route runs a swarm; for tasks use /api/v1/agents/swarm/dag")
        .with_param("/routing_type");
  return ok();
}

}  // namespace isa::agent
