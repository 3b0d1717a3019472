#include "agent/field_rules.h"

#include "net/host_pattern.h"
#include "sdk/approval_pattern.h"
#include "sdk/mcp/server_spec.h"
#include "sdk/skills/skill.h"
#include "sdk/tool.h"

#include <algorithm>
#include <array>
#include <set>

namespace isa::agent {
namespace {

constexpr std::size_t kMcpToolMax = 128;    // Characters, as MCP allows.
constexpr std::size_t kMcpServersMax = 16;  // Each may be a process.
constexpr std::int64_t kTurnsMax = 10'000;
constexpr std::int64_t kSecondsMax = 24L * 3'600;
constexpr std::int64_t kApprovalSecondsMax = 30L * 24 * 3'600;
constexpr std::int64_t kCheckpointEveryMax = 100;
// Of agents in a team, besides known_tool_names().
constexpr std::array<std::string_view, 4> kTeamTools{"handoff", "shared_state_get", "shared_state_set",
                                                     "shared_state_list"};

Error broken(std::string pointer, std::string rule) {
  return validation_error("{}: {}", pointer, rule).with_param(pointer);
}

std::string at(std::string_view field, std::size_t index) {
  return fmt::format("/{}/{}", field, index);
}

// Code points: every byte but the continuation bytes of UTF-8.
std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

constexpr std::size_t kClientToolsMax = 64;
constexpr std::size_t kClientToolMax = 32 << 10;  // Bytes of one tool's description and schema.

bool is_word(std::string_view text, std::string_view extra, std::size_t max = 64) {
  return !text.empty() && text.size() <= max && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || extra.contains(c);
  });
}

// mcp:<server>/<tool>, where <tool> may hold *.
bool is_mcp_pattern(std::string_view name) {
  if (!name.starts_with("mcp:")) return false;
  name.remove_prefix(4);
  const auto slash = name.find('/');
  return slash != std::string_view::npos && is_word(name.substr(0, slash), "_-.") &&
         is_word(name.substr(slash + 1), "_-.*/", kMcpToolMax);
}

std::string names_of(const json::object& servers) {
  std::string names;
  for (const auto& entry : servers)
    names += fmt::format("{}{}", names.empty() ? "" : ", ", std::string_view(entry.key()));
  return names.empty() ? "which has none" : "which has " + names;
}

// Of mcp:<server>/...
std::string_view server_in(std::string_view name) {
  name.remove_prefix(4);
  return name.substr(0, name.find('/'));
}

// Whether the rule `name` speaks of a tool that a server may bring: what stands before its first star is the
// begin of such a name, or such a name is the begin of it.
bool may_mean_server_tool(std::string_view name, const json::object& servers) {
  if (name == "mcp:*") return true;  // Of every COLLABORATIVE agent, also before it has a server.
  const auto literal = name.substr(0, name.find('*'));
  return std::ranges::any_of(servers, [&](const auto& server) {
    const auto begin = fmt::format("mcp:{}/", std::string_view(server.key()));
    if (literal.size() == name.size()) return name.size() > begin.size() && name.starts_with(begin);
    return begin.starts_with(literal) || literal.starts_with(begin);
  });
}

bool is_known_tool(const std::string& name) {
  const auto& known = sdk::known_tool_names();
  return std::ranges::find(known, name) != known.end();
}

Result<void> check_count(std::string_view field, std::size_t count) {
  if (count > kListMax) return broken(fmt::format("/{}", field), fmt::format("at most {} entries", kListMax));
  return ok();
}

Result<void> check_mcp_server(std::string_view name, const json::value& value) {
  const auto pointer = fmt::format("/mcp_servers/{}", name);
  if (!is_word(name, "_-."))
    return broken(pointer, "a server's name is 1 to 64 letters, digits, '_', '-' or '.'");
  const auto server = json::read<sdk::mcp::ServerSpec>(value);
  if (!server)
    return broken(pointer + server.error().param(), "expected {command, args, env} or {url, headers_secret}");
  return sdk::mcp::check_server(pointer, *server);
}

}  // namespace

Result<void> check_length(std::string_view field, std::string_view text, std::size_t min, std::size_t max) {
  const auto length = characters(text);
  if (length >= min && length <= max) return ok();
  const auto pointer = fmt::format("/{}", field);
  if (length < min) return broken(pointer, fmt::format("must have {} to {} characters", min, max));
  return broken(pointer, fmt::format("must have at most {} characters; this has {}", max, length));
}

Result<void> check_id(std::string_view field, std::string_view text) {
  constexpr std::string_view kAllowed = "_-.:@";
  const bool is_fine = text.size() <= 128 && std::ranges::all_of(text, [&](char c) {
                         return is_word(std::string_view(&c, 1), kAllowed);
                       });
  if (is_fine && !text.empty()) return ok();
  return broken(fmt::format("/{}", field), "an id is 1 to 128 letters, digits, '_', '-', '.', ':' or '@'");
}

Result<void> check_tools(const std::vector<std::string>& tools) {
  ISA_TRYV(check_count("tools", tools.size()));
  for (std::size_t i = 0; i < tools.size(); ++i)
    if (!is_known_tool(tools[i]) && !is_mcp_pattern(tools[i]))
      return broken(at("tools", i), fmt::format("unknown tool '{}'", tools[i]));
  return ok();
}

Result<void> check_client_tools(const std::vector<sdk::ToolSpec>& tools) {
  if (tools.size() > kClientToolsMax)
    return validation_error("/client_tools: at most {}", kClientToolsMax).with_param("/client_tools");
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < tools.size(); ++i) {
    const auto pointer = fmt::format("/client_tools/{}", i);
    const auto& tool = tools[i];
    if (!is_word(tool.name, "_-"))
      return validation_error("{}/name: 1 to 64 letters, digits, '_' or '-'", pointer).with_param(pointer);
    if (is_known_tool(tool.name) || !names.insert(tool.name).second)
      return validation_error("{}/name: there is a tool '{}' already", pointer, tool.name)
          .with_param(pointer);
    if (json::serialize(tool.parameters).size() + tool.description.size() > kClientToolMax)
      return validation_error("{}: at most {} kB", pointer, kClientToolMax >> 10).with_param(pointer);
  }
  return ok();
}

Result<void> check_skills(const std::vector<std::string>& skills) {
  ISA_TRYV(check_count("skills", skills.size()));
  for (std::size_t i = 0; i < skills.size(); ++i)
    if (const auto named = sdk::check_skill_name(skills[i]); !named)
      return broken(at("skills", i), named.error().message());
  return ok();
}

Result<void> check_egress(const std::vector<std::string>& hosts) {
  ISA_TRYV(check_count("egress", hosts.size()));
  for (std::size_t i = 0; i < hosts.size(); ++i)
    if (const auto rule = net::HostPattern::parse(hosts[i]); !rule)
      return broken(at("egress", i), rule.error().message());
  return ok();
}

Result<void> check_mcp_servers(const json::object& servers) {
  if (servers.size() > kMcpServersMax)
    return broken("/mcp_servers", fmt::format("at most {} entries", kMcpServersMax));
  for (const auto& entry : servers) ISA_TRYV(check_mcp_server(entry.key(), entry.value()));
  return ok();
}

Result<void> check_approvals(const std::vector<store::ApprovalRule>& rules) {
  ISA_TRYV(check_count("approvals", rules.size()));
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (auto checked = sdk::check_approval_pattern(rules[i].match); !checked)
      return broken(at("approvals", i) + "/match", checked.error().message());
    if (rules[i].timeout_s < 1 || rules[i].timeout_s > kApprovalSecondsMax)
      return broken(at("approvals", i) + "/timeout_s",
                    fmt::format("must be from 1 to {}", kApprovalSecondsMax));
    if (rules[i].on_timeout != store::OnTimeout::deny)
      return broken(at("approvals", i) + "/on_timeout", "must be 'deny': a call has no default answer");
    if (!rules[i].every) continue;
    if (rules[i].match != "update_plan")
      return broken(at("approvals", i) + "/every", "goes with the match 'update_plan' only");
    if (*rules[i].every < 0 || *rules[i].every > kCheckpointEveryMax)
      return broken(at("approvals", i) + "/every", fmt::format("must be from 0 to {}", kCheckpointEveryMax));
  }
  return ok();
}

Result<void> check_tool_servers(const std::vector<std::string>& tools, const json::object& servers) {
  for (std::size_t i = 0; i < tools.size(); ++i)
    if (is_mcp_pattern(tools[i]) && !servers.contains(server_in(tools[i])))
      return broken(at("tools", i),
                    fmt::format("'{}' is of no server in mcp_servers, {}", tools[i], names_of(servers)));
  return ok();
}

Result<void> check_approvable(const std::vector<std::string>& patterns, const json::object& servers) {
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto& pattern = patterns[i];
    const auto name = std::string_view(pattern).substr(0, pattern.find('('));
    const auto is_of = [&](std::string_view tool) {
      return sdk::matches_approval_pattern(name, tool, {}, sdk::PatternUse::asks);
    };
    if (std::ranges::any_of(sdk::known_tool_names(), is_of) || std::ranges::any_of(kTeamTools, is_of) ||
        may_mean_server_tool(name, servers))
      continue;
    const auto why = name.starts_with("mcp:")
                         ? fmt::format("it is of no server in mcp_servers, {}", names_of(servers))
                         : fmt::format("there is no tool '{}'", name);
    return broken(at("approvals", i) + "/match", fmt::format("'{}' can match no call: {}", pattern, why));
  }
  return ok();
}

Result<void> check_metadata(const json::object& metadata) {
  for (const auto* key : {"multi_agent_id", "deployment_id"})
    if (const auto* found = metadata.if_contains(key); found && !found->is_string())
      return broken(fmt::format("/metadata/{}", key), "expected an id, a string");
  return ok();
}

Result<void> check_limits(const store::RunLimits& limits) {
  if (limits.max_turns < 1 || limits.max_turns > kTurnsMax)
    return broken("/limits/max_turns", fmt::format("must be from 1 to {}", kTurnsMax));
  if (limits.max_seconds < 1 || limits.max_seconds > kSecondsMax)
    return broken("/limits/max_seconds", fmt::format("must be from 1 to {}", kSecondsMax));
  if (limits.max_tokens && *limits.max_tokens < 1) return broken("/limits/max_tokens", "must be at least 1");
  if (limits.max_usd && !(*limits.max_usd > 0)) return broken("/limits/max_usd", "must be more than 0");
  return ok();
}

Result<std::optional<OrgId>> owning_org(store::Visibility visibility, const std::optional<OrgId>& wanted,
                                        const Identity& who) {
  if (visibility == store::Visibility::private_) return std::nullopt;
  if (!wanted && who.orgs.size() == 1) return who.orgs.front().org;
  if (!wanted)
    return broken("/org_id", "visibility 'org' needs the id of an organization that you belong to");
  if (!who.belongs_to(*wanted))
    return broken("/org_id", fmt::format("you do not belong to the organization '{}'", wanted->value()));
  return wanted;
}

}  // namespace isa::agent
