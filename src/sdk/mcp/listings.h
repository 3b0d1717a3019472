// The entries of a server's lists, read with what is needed of them. Internal to sdk/mcp.
#pragma once

#include "sdk/mcp/client.h"

namespace isa::sdk::mcp {

inline constexpr std::size_t kItemsMax = 1'000;  // Of one list.
inline constexpr std::size_t kPagesMax = 64;
inline constexpr std::int64_t kTtlMax = 3'600'000;  // Milliseconds that a list counts as fresh at most.

// Errors: validation_error for an entry that cannot be used. `needs_headers`: the tool is called over HTTP of
// the modern era, where malformed x-mcp-header annotations rule it out.
Result<ToolInfo> read_tool(const json::value& from, bool needs_headers);
Result<ResourceInfo> read_resource_info(const json::value& from, bool);
Result<PromptInfo> read_prompt(const json::value& from, bool);

// With a mark where something was left out.
std::string cut_text(std::string_view text, std::size_t max);

}  // namespace isa::sdk::mcp
