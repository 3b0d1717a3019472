#include "agent/chat_planner.h"

#include <algorithm>

namespace isa::agent {
namespace {

constexpr std::size_t kTitleMax = 80;  // Bytes.

// The first line, cut between characters.
std::string title_of(std::string_view message) {
  auto title = message.substr(0, message.find('\n'));
  if (title.size() <= kTitleMax) return std::string(title);
  auto end = kTitleMax;
  while (end > 0 && (static_cast<unsigned char>(title[end]) & 0xC0) == 0x80) --end;
  return std::string(title.substr(0, end)) + "...";
}

sdk::AgentSpec spec_of(const store::AgentConfig& config) {
  const auto& limits = config.limits;
  return {config.name,
          config.model_id,
          config.system_prompt,
          config.tools,
          {limits.max_turns, limits.max_seconds, limits.max_tokens},
          {}};
}

// A request may take tools from an agent, never give it more than its config allows.
Result<void> check_narrower(const std::vector<std::string>& asked, const std::vector<std::string>& allowed) {
  for (std::size_t i = 0; i < asked.size(); ++i)
    if (std::ranges::find(allowed, asked[i]) == allowed.end())
      return validation_error("/tools/{}: the agent's config does not allow '{}'", i, asked[i])
          .with_param(fmt::format("/tools/{}", i));
  return ok();
}

Result<void> override_spec(sdk::AgentSpec& spec, const ChatOptions& options, bool is_ad_hoc) {
  if (options.model) spec.model = *options.model;
  if (options.system_prompt) spec.system_prompt = *options.system_prompt;
  if (!options.tools) return ok();
  if (!is_ad_hoc) ISA_TRYV(check_narrower(*options.tools, spec.tools));
  spec.tools = *options.tools;
  return ok();
}

}  // namespace

Task<Result<RunOrder>> ChatPlanner::plan(Identity who, ChatOptions options, std::string message) {
  ISA_CO_TRY(auto found, co_await look_up(who, options));
  RunOrder order;
  order.is_new_session = !found.session;
  order.session = found.session
                      ? *std::move(found.session)
                      : new_session(who, options.session_id, found.agent ? &*found.agent : nullptr, message);
  order.env = store::ExecutionEnv::cloud_shared;
  order.agent.name = "assistant";
  order.agent.model = default_model_;
  if (found.agent) {
    order.agent = spec_of(*found.agent);
    order.env = found.agent->env;
    order.org = found.agent->org_id;
    order.egress = found.agent->egress;
  }
  if (options.env) order.env = *options.env;
  ISA_CO_TRYV(override_spec(order.agent, options, !found.agent));
  // A custom agent brings its own choice of model, and its own skills.
  if (order.env != store::ExecutionEnv::deployment) {
    ISA_CO_TRYV(co_await model_.check(order.agent.model));
    if (found.agent) {
      ISA_CO_TRY(order.skills, co_await skills_.of_turn(who, found.agent->skills, order.org));
      order.agent.skills = summaries_of(order.skills.skills);
    }
  }
  order.identity = std::move(who);
  order.message = std::move(message);
  order.metadata = options.metadata.value_or(json::object());
  co_return order;
}

store::Session ChatPlanner::new_session(const Identity& owner, std::optional<SessionId> id,
                                        const store::AgentConfig* agent, std::string_view opening) {
  store::Session session;
  session.id = id ? *std::move(id) : SessionId::make();
  session.owner_id = owner.user;
  session.title = title_of(opening);
  session.created_at = session.updated_at = now();
  if (!agent) return session;
  session.agent_config_id = agent->id;
  session.agent_version = agent->version;
  return session;
}

Task<Result<ChatPlanner::Conversation>> ChatPlanner::look_up(const Identity& who,
                                                             const ChatOptions& options) {
  Conversation found;
  if (options.session_id) {
    auto session = co_await sessions_.find(who, *options.session_id);
    // Not there: it is made, under the id that the caller chose. Should that be somebody else's, or of a
    // session that was deleted, making it fails, as a not_found.
    if (!session && session.error().kind() != ErrorKind::not_found) co_return std::move(session).error();
    if (session) found.session = *std::move(session);
  }
  const auto asked = options.agent_config_id;
  if (found.session && asked && found.session->agent_config_id != asked)
    co_return conflict(
        "session {} was begun with {}; leave agent_config_id out or begin a new session",
        found.session->id.value(),
        found.session->agent_config_id ? "agent " + found.session->agent_config_id->value() : "no agent");
  const auto id = found.session ? found.session->agent_config_id : asked;
  const auto version = found.session ? found.session->agent_version : std::nullopt;
  if (id) {
    ISA_CO_TRY(found.agent, co_await find_agent(who, *id, version));
  }
  co_return found;
}

Task<Result<store::AgentConfig>> ChatPlanner::find_agent(const Identity& who, const AgentId& id,
                                                         std::optional<std::int64_t> version) {
  auto found = version ? co_await configs_.find_version(who, id, *version) : co_await configs_.find(who, id);
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return not_found("agent '{}' does not exist", id.value());
  co_return found;
}

}  // namespace isa::agent
