// MCP's tools, resources and prompts as tools of the loop. Internal to sdk/mcp.
#pragma once

#include "sdk/mcp/server.h"
#include "sdk/tool.h"

namespace isa::sdk::mcp {

// `name`: what models call it.
std::shared_ptr<Tool> make_server_tool(std::shared_ptr<Server> server, ToolInfo info, std::string name);

// Those of resource_tool_names() that are allowed, where one of `servers` has what they are about.
Task<void> add_resource_tools(std::vector<std::shared_ptr<Server>> servers, std::vector<std::string> allowed,
                              std::vector<std::shared_ptr<Tool>>& to);

}  // namespace isa::sdk::mcp
