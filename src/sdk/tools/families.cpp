#include "sdk/tools/families.h"

namespace isa::sdk {

Result<Tools> workspace_tools(WorkspaceOptions options) {
  ISA_TRY(auto workspace, Workspace::open(std::move(options.path)));
  const auto work = std::make_shared<FileWork>(std::move(workspace));
  auto processes = options.processes ? std::move(options.processes) : std::make_shared<ProcessTable>();
  Tools tools;
  add_read_write_tools(tools, work);
  add_edit_tools(tools, work);
  add_search_tools(tools, work);
  add_grep_tool(tools, work);
  add_plan_tools(tools, work);
  add_memory_tools(tools, work);
  add_bash_tool(tools, work, std::move(options.env), std::move(processes), options.shells);
  if (options.web) add_web_tools(tools, work, std::move(options.web));
  if (options.shells) add_shell_tools(tools, std::move(options.shells));
  return tools;
}

Tools plain_tools() {
  Tools tools;
  add_time_tool(tools);
  return tools;
}

}  // namespace isa::sdk
