#include "sdk/tool.h"

#include "base/log.h"
#include "sdk/mcp/tool_name.h"

#include <boost/asio/error.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>

namespace isa::sdk {
namespace {

ToolOutput failure(std::string text) {
  return {.text = std::move(text), .is_error = true};
}

std::string joined_names(const std::vector<std::shared_ptr<Tool>>& tools) {
  std::string names;
  for (const auto& tool : tools) names += (names.empty() ? "" : ", ") + tool->spec().name;
  return names.empty() ? "none" : names;
}

Result<json::object> parse_arguments(const Part& call) {
  if (call.arguments.empty()) return json::object();
  ISA_TRY(auto document, json::parse(call.arguments));
  if (!document.is_object()) return invalid_request("they must be a JSON object");
  return std::move(document.get_object());
}

}  // namespace

ToolBox::ToolBox(std::vector<std::shared_ptr<Tool>> available, const std::vector<std::string>& allowed) {
  for (const auto& name : allowed) {
    const auto fits = [&](const auto& tool) { return tool && mcp::allows(name, tool->allowed_as()); };
    bool is_known = std::ranges::any_of(tools_, fits);
    for (auto& tool : available) {
      if (!fits(tool)) continue;
      is_known = true;
      tools_.push_back(std::move(tool));
    }
    if (!is_known) unavailable_.push_back(name);
  }
}

void ToolBox::grant(std::shared_ptr<Tool> tool) {
  std::erase(unavailable_, tool->spec().name);
  if (!find(tool->spec().name)) tools_.push_back(std::move(tool));
}

std::vector<ToolSpec> ToolBox::specs() const {
  std::vector<ToolSpec> specs;
  specs.reserve(tools_.size());
  for (const auto& tool : tools_) specs.push_back(tool->spec());
  return specs;
}

std::string ToolBox::subject(std::string_view name) const {
  const Tool* tool = find(name);
  return tool ? std::string(tool->allowed_as()) : std::string(name);
}

bool ToolBox::is_read_only(std::string_view name) const {
  const Tool* tool = find(name);
  return tool && tool->is_read_only();
}

bool ToolBox::is_polled(std::string_view name) const {
  const Tool* tool = find(name);
  return tool && tool->is_polled();
}

Tool* ToolBox::find(std::string_view name) const {
  const auto found =
      std::ranges::find_if(tools_, [&](const auto& tool) { return tool->spec().name == name; });
  return found == tools_.end() ? nullptr : found->get();
}

Task<Result<std::string>> Tool::preview(json::object) {
  co_return std::string();
}

Task<Result<std::string>> ToolBox::preview(std::string_view name, json::object arguments) {
  Tool* tool = find(name);
  if (!tool) co_return std::string();
  try {
    co_return co_await tool->preview(std::move(arguments));
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;  // The run was cancelled.
    log::error("tool.not_previewed", {{"tool", tool->spec().name}, {"detail", e.what()}});
  } catch (const std::exception& e) {
    log::error("tool.not_previewed", {{"tool", tool->spec().name}, {"detail", e.what()}});
  }
  co_return std::string();
}

Task<ToolOutput> ToolBox::call(const Part& tool_call, ToolContext context) {
  Tool* tool = find(tool_call.name);
  if (!tool) {
    co_return failure(fmt::format("the tool '{}' is not available to this agent; its tools are: {}",
                                  tool_call.name, joined_names(tools_)));
  }
  auto arguments = parse_arguments(tool_call);
  if (!arguments) {
    co_return failure(
        fmt::format("the arguments of {} cannot be read: {}", tool_call.name, arguments.error().message()));
  }
  try {
    co_return co_await tool->call(*std::move(arguments), std::move(context));
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;  // The run was cancelled.
    log::error("tool.failed", {{"tool", tool_call.name}, {"detail", e.what()}});
  } catch (const std::exception& e) {
    log::error("tool.failed", {{"tool", tool_call.name}, {"detail", e.what()}});
  }
  co_return failure(fmt::format("{} failed for an internal reason", tool_call.name));
}

const std::vector<std::string>& known_tool_names() {
  static const std::vector<std::string> names = {
      "read_file",         "write_file",       "edit_file",
      "multi_edit_file",   "bash_execute",     "bash_output",
      "kill_shell",        "list_shells",      "glob_files",
      "grep_search",       "ls_directory",     "web_search",
      "web_crawl",         "ask_human",        "request_authorization",
      "create_plan",       "update_plan",      "memory_store",
      "memory_search",     "get_current_time", "mcp_list_resources",
      "mcp_read_resource", "mcp_list_prompts", "mcp_get_prompt",
      "use_skill"};
  return names;
}

}  // namespace isa::sdk
