#include "agent/config_rules.h"

#include "agent/field_rules.h"

namespace isa::agent {
namespace {

using store::AgentConfig;
using store::AgentSource;

template <class T>
void take(T& to, const Presence<T>& from, T cleared = {}) {
  if (from.is_present()) to = from.value_or(std::move(cleared));
}

// Defaults of a config that nothing else says anything about; what null goes back to.
const AgentConfig& defaults() {
  static const AgentConfig config;
  return config;
}

Result<void> apply(AgentConfig& to, const AgentFields& body, const Identity& who,
                   const std::string& default_model) {
  if (body.name.is_null())
    return validation_error("/name: this field is required and cannot be cleared").with_param("/name");
  take(to.name, body.name);
  take(to.description, body.description);
  take(to.visibility, body.visibility, defaults().visibility);
  take(to.model_id, body.model_id, default_model);
  take(to.system_prompt, body.system_prompt);
  take(to.tools, body.tools);
  take(to.skills, body.skills);
  take(to.mcp_servers, body.mcp_servers);
  take(to.mode, body.mode, defaults().mode);
  take(to.env, body.env, defaults().env);
  take(to.approvals, body.approvals);
  take(to.limits, body.limits);
  take(to.egress, body.egress);
  take(to.metadata, body.metadata);
  auto org = to.org_id;
  if (body.org_id.is_present()) org = body.org_id.has_value() ? std::optional(*body.org_id) : std::nullopt;
  const bool asks_for_org = body.visibility.is_present() || body.org_id.is_present();
  // An unchanged org stays also when an admin's membership is of another kind than the owner's was.
  if (!asks_for_org) return ok();
  ISA_TRY(to.org_id, owning_org(to.visibility, org, who));
  return ok();
}

Result<void> check(const AgentConfig& config) {
  ISA_TRYV(check_length("name", config.name, 1, kNameMax));
  ISA_TRYV(check_length("description", config.description, 0, kDescriptionMax));
  ISA_TRYV(check_length("model_id", config.model_id, 1, 200));
  ISA_TRYV(check_length("system_prompt", config.system_prompt, 0, kPromptMax));
  ISA_TRYV(check_tools(config.tools));
  ISA_TRYV(check_skills(config.skills));
  ISA_TRYV(check_mcp_servers(config.mcp_servers));
  ISA_TRYV(check_approvals(config.approvals));
  ISA_TRYV(check_limits(config.limits));
  return check_egress(config.egress);
}

std::vector<std::string> patterns_of(const std::vector<store::ApprovalRule>& rules) {
  std::vector<std::string> patterns;
  for (const auto& rule : rules) patterns.push_back(rule.match);
  return patterns;
}

// What its fields say of each other. An agent from before these rules may break them: a change of other
// fields is none of their business.
Result<void> check_together(const AgentConfig& config, const AgentFields& body, bool is_new) {
  if (body.metadata.is_present()) ISA_TRYV(check_metadata(config.metadata));
  const bool is_of_servers = is_new || body.mcp_servers.is_present();
  if (body.tools.is_present() || is_of_servers)
    ISA_TRYV(check_tool_servers(config.tools, config.mcp_servers));
  // A custom agent has tools of its own.
  if ((body.approvals.is_present() || is_of_servers) && config.env != store::ExecutionEnv::deployment)
    ISA_TRYV(check_approvable(patterns_of(config.approvals), config.mcp_servers));
  return ok();
}

void inherit(AgentConfig& to, const store::AgentTemplate& from, const std::string& default_model) {
  to.source = AgentSource::template_;
  to.template_id = from.id;
  to.name = from.name;
  to.description = from.description;
  to.model_id = from.model_id.empty() ? default_model : from.model_id;
  to.system_prompt = from.system_prompt;
  to.tools = from.tools;
  to.skills = from.skills;
  to.mode = from.mode;
  to.env = from.env;
  to.metadata = from.metadata;
}

}  // namespace

std::vector<store::ApprovalRule> risky_calls() {
  return {{.match = "bash_execute"}, {.match = "mcp:*"}};
}

Result<std::optional<TemplateId>> wanted_template(const CreateAgent& body) {
  const auto source =
      body.source.value_or(body.template_id.has_value() ? AgentSource::template_ : AgentSource::basic);
  if (source == AgentSource::generated || source == AgentSource::local)
    return validation_error(
               "/source: '{}' is set by the route that makes such agents; send 'basic' or 'template'",
               json::name_of(source))
        .with_param("/source");
  if (source == AgentSource::basic && body.template_id.has_value())
    return validation_error("/template_id: goes with source 'template', not 'basic'")
        .with_param("/template_id");
  if (source == AgentSource::template_ && !body.template_id.has_value())
    return validation_error("/template_id: source 'template' needs the id of a template")
        .with_param("/template_id");
  if (source == AgentSource::basic) return std::nullopt;
  return *body.template_id;
}

Result<AgentConfig> create_config(AgentId id, const CreateAgent& body, const store::AgentTemplate* from,
                                  const Identity& owner, const std::string& default_model, Timestamp at) {
  if (!from && !body.name.is_present())
    return validation_error("/name: this field is required").with_param("/name");
  AgentConfig config;
  config.id = std::move(id);
  config.owner_id = owner.user;
  config.model_id = default_model;
  config.created_at = config.updated_at = at;
  if (from) inherit(config, *from, default_model);
  ISA_TRYV(apply(config, body, owner, default_model));
  if (config.mode == store::Mode::COLLABORATIVE && !body.approvals.is_present())
    config.approvals = risky_calls();
  ISA_TRYV(check(config));
  ISA_TRYV(check_together(config, body, true));
  return config;
}

Result<AgentConfig> patch_config(AgentConfig current, const AgentFields& body, const Identity& who,
                                 const std::string& default_model, Timestamp at) {
  const bool asked_before = current.mode == store::Mode::COLLABORATIVE;
  ISA_TRYV(apply(current, body, who, default_model));
  // As when it is made: who turns the mode on and names no rules gets those for risky calls.
  if (!asked_before && current.mode == store::Mode::COLLABORATIVE && !body.approvals.is_present() &&
      current.approvals.empty())
    current.approvals = risky_calls();
  ISA_TRYV(check(current));
  ISA_TRYV(check_together(current, body, false));
  ++current.version;
  current.updated_at = at;
  return current;
}

Result<AgentConfig> rolled_back(const AgentConfig& current, AgentConfig old, const Identity& who,
                                Timestamp at) {
  const bool is_shared_so_now = old.visibility == current.visibility && old.org_id == current.org_id;
  if (!is_shared_so_now) {
    ISA_TRY(old.org_id, owning_org(old.visibility, old.org_id, who));
  }
  old.id = current.id;
  old.owner_id = current.owner_id;
  old.created_at = current.created_at;
  old.version = current.version + 1;
  old.updated_at = at;
  return old;
}

}  // namespace isa::agent
