// What an MCP server answers, as the text that a model gets.
#pragma once

#include "sdk/mcp/client.h"
#include "sdk/tool.h"

namespace isa::sdk::mcp {

// Texts as they are; pictures, sounds and binary resources noted, not shown. Bounded, with a visible mark.
ToolOutput to_output(const ToolAnswer& answer);
ToolOutput to_output_of_resource(const json::array& contents);
ToolOutput to_output_of_prompt(const json::array& messages);

// A list that a model asked for, one entry a line.
ToolOutput to_output_of_lines(const std::vector<std::string>& lines, std::string_view none);

}  // namespace isa::sdk::mcp
