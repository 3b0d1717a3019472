// Rules of single fields, shared by agent configs, templates and chat bodies. Each error names the JSON
// pointer.
#pragma once

#include "base/identity.h"
#include "sdk/chat.h"
#include "store/agent_config.h"

#include <string_view>

namespace isa::agent {

inline constexpr std::size_t kNameMax = 120;  // Characters, not bytes.
inline constexpr std::size_t kPromptMax = 100'000;
inline constexpr std::size_t kDescriptionMax = 4'000;
inline constexpr std::size_t kListMax = 128;  // Entries of tools, skills, egress, approvals.

Result<void> check_length(std::string_view field, std::string_view text, std::size_t min, std::size_t max);
// An id that a client chose: it comes back in headers and paths.
Result<void> check_id(std::string_view field, std::string_view text);
// Names of known tools, or mcp:<server>/<tool> patterns.
Result<void> check_tools(const std::vector<std::string>& tools);
// Tools that the caller of a chat runs itself: no names of ours, none twice.
Result<void> check_client_tools(const std::vector<sdk::ToolSpec>& tools);
// A skill's name can leave no folder.
Result<void> check_skills(const std::vector<std::string>& skills);
// Host names, exact or *.domain; no schemes, ports or addresses.
Result<void> check_egress(const std::vector<std::string>& hosts);
// name -> {command, args, env} or {url, headers_secret}.
Result<void> check_mcp_servers(const json::object& servers);
Result<void> check_approvals(const std::vector<store::ApprovalRule>& rules);
// Whether each can be there and each can match: `servers` are the agent's MCP servers. What can never be is a
// typo, and of a rule one that leaves its calls unasked.
Result<void> check_tool_servers(const std::vector<std::string>& tools, const json::object& servers);
Result<void> check_approvable(const std::vector<std::string>& patterns, const json::object& servers);
Result<void> check_limits(const store::RunLimits& limits);
// The keys that mean something to the platform.
Result<void> check_metadata(const json::object& metadata);

// Where something belongs that asks for `visibility`: an org of the caller, or nothing when it is private.
// The caller's only org is taken when none is named.
Result<std::optional<OrgId>> owning_org(store::Visibility visibility, const std::optional<OrgId>& wanted,
                                        const Identity& who);

}  // namespace isa::agent
