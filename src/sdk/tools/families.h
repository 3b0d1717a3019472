// One function per family of tools; workspace_tools() and plain_tools() put them together.
#pragma once

#include "sdk/tools/file_tool.h"
#include "sdk/tools/process_table.h"
#include "sdk/tools/shell_table.h"

namespace isa::sdk {

using Tools = std::vector<std::shared_ptr<Tool>>;

void add_read_write_tools(Tools& to, const std::shared_ptr<FileWork>& work);  // read_file, write_file
void add_edit_tools(Tools& to, const std::shared_ptr<FileWork>& work);        // edit_file, multi_edit_file
void add_search_tools(Tools& to, const std::shared_ptr<FileWork>& work);      // glob_files, ls_directory
void add_grep_tool(Tools& to, const std::shared_ptr<FileWork>& work);         // grep_search
void add_bash_tool(Tools& to, const std::shared_ptr<FileWork>& work,          // bash_execute
                   std::map<std::string, std::string> env, std::shared_ptr<ProcessTable> processes,
                   std::shared_ptr<ShellTable> shells);
void add_shell_tools(Tools& to, std::shared_ptr<ShellTable> shells);  // bash_output, kill_shell, list_shells
void add_plan_tools(Tools& to, const std::shared_ptr<FileWork>& work);    // create_plan, update_plan
void add_memory_tools(Tools& to, const std::shared_ptr<FileWork>& work);  // memory_store, memory_search
void add_web_tools(Tools& to, const std::shared_ptr<FileWork>& work,      // web_search, web_crawl
                   std::shared_ptr<WebAccess> web);
void add_time_tool(Tools& to);  // get_current_time

}  // namespace isa::sdk
