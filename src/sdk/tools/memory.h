// memory_store and memory_search as blocking calls, for whoever keeps the memory elsewhere than in the
// workspace of a turn: the platform, whose agents remember over sessions and sandboxes (agent/memory/).
#pragma once

#include "base/deadline.h"
#include "sdk/tool.h"
#include "sdk/tools/workspace.h"

#include <string_view>
#include <vector>

namespace isa::sdk {

std::vector<ToolSpec> memory_tool_specs();
bool is_memory_tool(std::string_view name);

// Over .isa/memory.db of `workspace` (sdk/tools/memory_book.h). An error is for the model to hear
// (tool_failure()). Two calls at once may lose what one of them stored: one after the other is up to the
// caller.
Result<ToolOutput> run_memory_tool(const Workspace& workspace, std::string_view tool,
                                   const json::object& arguments, Deadline deadline);

}  // namespace isa::sdk
