#include "agent/chat_planner.h"

#include "agent/approvals/questions.h"
#include "agent/field_rules.h"

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
  if (options.output_schema) spec.output_schema = *options.output_schema;
  if (options.output_format == "json" && !spec.output_schema) spec.output_schema.emplace();  // Any JSON.
  if (!options.tools) return ok();
  if (is_ad_hoc) ISA_TRYV(check_tool_servers(*options.tools, {}));
  if (!is_ad_hoc) ISA_TRYV(check_narrower(*options.tools, spec.tools));
  spec.tools = *options.tools;
  return ok();
}

// What a team's agents are is said by the team.
Result<void> check_no_override(const ChatOptions& options) {
  for (const auto& [is_there, field] : {std::pair(options.model.has_value(), "/model"),
                                        std::pair(options.system_prompt.has_value(), "/system_prompt"),
                                        std::pair(options.tools.has_value(), "/tools"),
                                        std::pair(options.client_tools.has_value(), "/client_tools"),
                                        std::pair(options.output_schema.has_value(), "/output_schema"),
                                        std::pair(options.output_format == "json", "/output_format")})
    if (is_there)
      return validation_error(
                 "{}: this agent is a team, which takes none for all of its members; leave it out", field)
          .with_param(field);
  return ok();
}

}  // namespace

std::optional<Usd> max_usd_of(const store::RunLimits& limits) {
  return limits.max_usd ? Usd::of_number(*limits.max_usd) : std::nullopt;
}

// A custom agent asks models of its own choice: what holds its limit is the broker of its sandbox, which lets
// in no further call once one cost what nobody knows.
Task<Result<void>> check_max_usd(model::ModelClient& model, store::ExecutionEnv env, std::string model_id) {
  if (env == store::ExecutionEnv::deployment) co_return ok();
  co_return co_await model.check_price(std::move(model_id));
}

Result<void> check_deployment(store::ExecutionEnv env, const std::optional<AgentId>& agent) {
  if (env != store::ExecutionEnv::deployment || agent) return ok();
  return validation_error(
             "/env: 'deployment' is for an agent whose metadata.deployment_id names its deployment; "
             "otherwise "
             "it is cloud_shared or cloud_pool")
      .with_param("/env");
}

sdk::AgentSpec spec_of(const store::AgentConfig& config) {
  const auto& limits = config.limits;
  return {config.name,
          config.model_id,
          config.system_prompt,
          config.tools,
          {limits.max_turns, limits.max_seconds, limits.max_tokens, max_usd_of(limits)}};
}

Result<void> add_mcp_servers(const store::AgentConfig& config, sdk::AgentSpec& agent,
                             std::vector<std::string>& egress) {
  ISA_TRY(agent.mcp_servers, json::read<sdk::mcp::ServerSpecs>(json::value(config.mcp_servers)));
  for (const auto& [name, server] : agent.mcp_servers) {
    if (!server.url) continue;
    if (const auto url = sdk::mcp::parse_server_url(*server.url))
      egress.push_back(fmt::format("{}:{}", url->host, url->port));
  }
  return ok();
}

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
    order.mode = found.agent->mode;
    order.approval_rules = found.agent->approvals;
    ISA_CO_TRYV(add_mcp_servers(*found.agent, order.agent, order.egress));
  }
  if (options.env) order.env = *options.env;
  ISA_CO_TRY(order.team, co_await team_of(who, found.agent ? &*found.agent : nullptr, options, order.env));
  if (order.team) {
    order.agent.limits.max_seconds = std::min(order.agent.limits.max_seconds, order.team->spec.max_seconds);
  } else {
    ISA_CO_TRYV(override_spec(order.agent, options, !found.agent));
    ISA_CO_TRYV(check_deployment(order.env, order.session.agent_config_id));
    // A custom agent brings its own choice of model.
    if (order.env != store::ExecutionEnv::deployment) ISA_CO_TRYV(co_await model_.check(order.agent.model));
    if (order.agent.limits.max_usd) ISA_CO_TRYV(co_await check_max_usd(model_, order.env, order.agent.model));
    // ... and its own skills.
    if (order.env != store::ExecutionEnv::deployment && found.agent) {
      ISA_CO_TRY(order.skills,
                 co_await skills_.of_turn(skills_scope(who, *found.agent), found.agent->skills, order.org));
      order.agent.skills = summaries_of(order.skills.skills);
    }
  }
  order.identity = std::move(who);
  ISA_CO_TRYV(co_await add_questions(order));
  for (auto& tool : options.client_tools.value_or(std::vector<sdk::ToolSpec>())) {
    order.client_tools.push_back(tool.name);
    order.agent.platform_tools.push_back(std::move(tool));
  }
  order.message = std::move(message);
  order.metadata = options.metadata.value_or(json::object());
  co_return order;
}

// What the agent asks people about, and what its owner has allowed it for good.
Task<Result<void>> ChatPlanner::add_questions(RunOrder& order) {
  offer_questions(order.agent);
  add_approvals(order.mode, order.approval_rules, order.agent);
  if (order.agent.approvals.empty() && order.agent.checkpoint_every == 0) co_return ok();
  ISA_CO_TRY(const auto allowances, co_await approvals_.allowances(order.identity));
  allow(order.agent, allowances, order.session.agent_config_id);
  co_return ok();
}

Task<Result<RunOrder>> ChatPlanner::plan_team(Identity who, TeamOptions options, std::string message) {
  ChatOptions chat;
  chat.session_id = options.session_id;
  ISA_CO_TRY(auto found, co_await look_up(who, chat));
  if (found.agent)
    co_return conflict("session {} was begun with an agent; begin a new session for this team",
                       found.session->id.value());
  RunOrder order;
  order.is_new_session = !found.session;
  order.session =
      found.session ? *std::move(found.session) : new_session(who, options.session_id, nullptr, message);
  order.env = options.env;
  order.agent.name = "team";
  order.agent.limits.max_seconds = options.team.spec.max_seconds;
  ISA_CO_TRY(order.team, co_await teams_.plan(who, std::move(options.team), options.env));
  order.identity = std::move(who);
  order.message = std::move(message);
  order.metadata = std::move(options.metadata);
  co_return order;
}

Task<Result<std::shared_ptr<const TeamPlan>>> ChatPlanner::team_of(const Identity& who,
                                                                   const store::AgentConfig* agent,
                                                                   const ChatOptions& options,
                                                                   store::ExecutionEnv env) {
  const auto* id = agent ? agent->metadata.if_contains("multi_agent_id") : nullptr;
  if (!id) {
    if (options.entry_agent_override)
      co_return validation_error("/entry_agent_override: goes with an agent that is a team")
          .with_param("/entry_agent_override");
    co_return nullptr;
  }
  if (!id->is_string())
    co_return failed_dependency("metadata.multi_agent_id of this agent is no id of a team; change it")
        .with_code("team_not_found");
  ISA_CO_TRYV(check_no_override(options));
  TeamId team(std::string(id->get_string()));
  ISA_CO_TRY(auto wanted, co_await teams_.find(who, std::move(team), options.entry_agent_override));
  wanted.agent = agent->id;
  wanted.budget = {agent->limits.max_tokens, max_usd_of(agent->limits)};
  co_return co_await teams_.plan(who, std::move(wanted), env);
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
  const bool is_pinned = found.session && !options.latest.value_or(false);
  const auto version = is_pinned ? found.session->agent_version : std::nullopt;
  if (id) {
    ISA_CO_TRY(found.agent, co_await find_agent(who, *id, version));
    if (found.session) found.session->agent_version = found.agent->version;  // Of this run.
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
