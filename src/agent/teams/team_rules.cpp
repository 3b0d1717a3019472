#include "agent/teams/team_rules.h"

#include "agent/field_rules.h"

namespace isa::agent {
namespace {

// The same error, seen from the body that holds the routing_spec. What stands beside the spec keeps its
// place.
Error inside_spec(Error error) {
  const auto& param = error.param();
  const bool is_beside = param.empty() || param.starts_with("/routing_spec") || param == "/entry_agent_id" ||
                         param == "/entry_agent_override" || param == "/routing_type" ||
                         param == "/execution_mode";
  if (is_beside) return error;
  auto message = error.message();
  if (message.starts_with(param)) message = "/routing_spec" + message;
  return validation_error("{}", message).with_param("/routing_spec" + param);
}

std::optional<std::string> optional_of(const Presence<std::string>& from) {
  return from.has_value() ? std::optional(*from) : std::nullopt;
}

void take(std::optional<std::string>& to, const Presence<std::string>& from) {
  if (from.is_present()) to = optional_of(from);
}

Result<void> apply(store::TeamSpec& to, const TeamFields& body, const Identity& who) {
  if (body.name.is_null() || body.routing_spec.is_null()) {
    const auto* field = body.name.is_null() ? "/name" : "/routing_spec";
    return validation_error("{}: this field is required and cannot be cleared", field).with_param(field);
  }
  if (body.name.has_value()) to.name = *body.name;
  if (body.description.is_present()) to.description = body.description.value_or("");
  if (body.visibility.is_present()) to.visibility = body.visibility.value_or(store::Visibility::private_);
  take(to.entry_agent_id, body.entry_agent_id);
  take(to.routing_type, body.routing_type);
  take(to.execution_mode, body.execution_mode);
  if (body.routing_spec.has_value()) to.routing_spec = *body.routing_spec;
  if (!body.visibility.is_present() && !body.org_id.is_present()) return ok();
  auto org = to.org_id;
  if (body.org_id.is_present()) org = body.org_id.has_value() ? std::optional(*body.org_id) : std::nullopt;
  ISA_TRY(to.org_id, owning_org(to.visibility, org, who));
  return ok();
}

std::vector<std::string> patterns_of(const sdk::team::Member& member) {
  std::vector<std::string> patterns;
  for (const auto& rule : member.approvals.value_or(std::vector<sdk::team::MemberApproval>()))
    patterns.push_back(rule.match);
  return patterns;
}

Result<void> check(const store::TeamSpec& record) {
  ISA_TRYV(check_length("name", record.name, 1, kNameMax));
  ISA_TRYV(check_length("description", record.description, 0, kDescriptionMax));
  ISA_TRY(const auto team, read_team(record));
  if (auto checked = check_members(team); !checked) return inside_spec(std::move(checked).error());
  return ok();
}

}  // namespace

Result<store::TeamSpec> create_team(TeamId id, const TeamFields& body, const Identity& owner, Timestamp at) {
  for (const auto& [is_there, field] : {std::pair(body.name.is_present(), "/name"),
                                        std::pair(body.routing_spec.is_present(), "/routing_spec")})
    if (!is_there) return validation_error("{}: this field is required", field).with_param(field);
  store::TeamSpec record;
  record.id = std::move(id);
  record.owner_id = owner.user;
  record.created_at = record.updated_at = at;
  ISA_TRYV(apply(record, body, owner));
  ISA_TRYV(check(record));
  return record;
}

Result<store::TeamSpec> patch_team(store::TeamSpec current, const TeamFields& body, const Identity& who,
                                   Timestamp at) {
  ISA_TRYV(apply(current, body, who));
  ISA_TRYV(check(current));
  ++current.version;
  current.updated_at = at;
  return current;
}

Result<store::TeamSpec> rolled_back(const store::TeamSpec& current, store::TeamSpec old, const Identity& who,
                                    Timestamp at) {
  const bool is_shared_so_now = old.visibility == current.visibility && old.org_id == current.org_id;
  if (!is_shared_so_now) {
    ISA_TRY(old.org_id, owning_org(old.visibility, old.org_id, who));
  }
  ISA_TRYV(check(old));  // The rules may be others by now.
  old.version = current.version + 1;
  old.updated_at = at;
  return old;
}

Result<sdk::team::TeamSpec> read_team(const store::TeamSpec& record,
                                      const std::optional<std::string>& entry_agent_override) {
  auto team = sdk::team::read_team(record.routing_spec, {record.routing_type, record.execution_mode,
                                                         record.entry_agent_id, entry_agent_override});
  if (!team) return inside_spec(std::move(team).error());
  return team;
}

Result<void> check_members(const sdk::team::TeamSpec& team) {
  for (std::size_t i = 0; i < team.members.size(); ++i) {
    const auto& member = team.members[i];
    auto checked = check_tools(member.agent.tools);
    if (checked) checked = check_tool_servers(member.agent.tools, {});  // It has no servers.
    if (checked) checked = check_skills(member.skills);
    if (checked) checked = check_approvable(patterns_of(member), {});
    if (checked) continue;
    const auto at = fmt::format("/agents/{}", i);
    return validation_error("{}{}", at, checked.error().message()).with_param(at + checked.error().param());
  }
  return ok();
}

Result<TeamFields> team_in_template(const json::object& multi_agent, std::string_view name) {
  TeamFields fields;
  if (multi_agent.contains("agents")) {
    fields.routing_spec = multi_agent;
  } else {
    ISA_TRY(fields, json::read<TeamFields>(multi_agent));
  }
  if (!fields.name.has_value()) fields.name = std::string(name);
  if (fields.visibility.is_present() || fields.org_id.is_present())
    return validation_error(
               "/multi_agent: whom it is shared with is said by what is created from the template")
        .with_param("/multi_agent");
  return fields;
}

}  // namespace isa::agent
