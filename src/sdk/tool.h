// Tools: what a model may call. The allow-list is enforced here, where tools run, not only in what a model is
// shown.
#pragma once

#include "base/async.h"
#include "sdk/chat.h"
#include "sdk/event.h"
#include "sdk/tool_context.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace isa::sdk {

struct ToolOutput {
  std::string text;
  bool is_error = false;
  bool truncated = false;  // The tool cut its output at its own limit, and says so in the text.
};

class Tool {
 public:
  virtual ~Tool() = default;
  virtual const ToolSpec& spec() const = 0;
  // What an agent's config and approval patterns call it: for a tool of an MCP server mcp:<server>/<tool>
  // (sdk/mcp/tool_name.h).
  virtual std::string_view allowed_as() const { return spec().name; }
  virtual bool is_read_only() const { return false; }  // Read-only calls of one turn run in parallel.
  // Asking the same again is what it is for: it tells what has happened since.
  virtual bool is_polled() const { return false; }
  // What a person who decides on a call is shown besides its arguments; mostly nothing. Changes nothing. An
  // error: the call can only fail, and need not be decided on.
  virtual Task<Result<std::string>> preview(json::object arguments);
  // A failure is an output with is_error: it goes back to the model. Cancelling the task stops the work,
  // child processes included.
  virtual Task<ToolOutput> call(json::object arguments, ToolContext context) = 0;
};

// The tools of one run: those that are both allowed by the agent's config and available in this place.
class ToolBox {
 public:
  // `allowed`: names and mcp:<server>/<tool> patterns from the agent's config. What matches none of
  // `available` is listed by unavailable().
  ToolBox(std::vector<std::shared_ptr<Tool>> available, const std::vector<std::string>& allowed);

  // One more, which another part of the agent's config allows (use_skill: its skills), whatever `allowed`
  // says.
  void grant(std::shared_ptr<Tool> tool);

  std::vector<ToolSpec> specs() const;
  const std::vector<std::string>& unavailable() const { return unavailable_; }
  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string subject(std::string_view name) const;
  bool is_read_only(std::string_view name) const;
  bool is_polled(std::string_view name) const;
  // Tool::preview() of a tool that is here; nothing when it breaks.
  Task<Result<std::string>> preview(std::string_view name, json::object arguments);
  // A name that is not allowed, arguments that are no JSON object: an error output that says so.
  Task<ToolOutput> call(const Part& tool_call, ToolContext context);

 private:
  Tool* find(std::string_view name) const;
  std::vector<std::shared_ptr<Tool>> tools_;
  std::vector<std::string> unavailable_;
};

// Every name that an agent config may list, also those whose tool is not available everywhere.
const std::vector<std::string>& known_tool_names();

class ProcessTable;  // sdk/tools/process_table.h
class ShellTable;    // sdk/tools/shell_table.h
struct WebSearch;
struct WebHits;
struct WebFetch;
struct WebPage;

// The way to the web of the tools web_search and web_crawl (sdk/web_protocol.h says what is asked).
class WebAccess {
 public:
  virtual ~WebAccess() = default;
  virtual Task<Result<WebHits>> search(WebSearch what, Deadline deadline) = 0;
  virtual Task<Result<WebPage>> fetch(WebFetch what, Deadline deadline) = 0;
};

struct WorkspaceOptions {
  std::string path;                        // An existing folder; tools see nothing outside of it.
  std::map<std::string, std::string> env;  // Of commands: the whole environment, nothing is inherited.
  // Given by a program that reaps orphans itself (the runtime), so that both know each other's children.
  std::shared_ptr<ProcessTable> processes;
  // Where commands run on in the background, whichever set of tools started them. Without it there are none.
  std::shared_ptr<ShellTable> shells;
  // Without it there are no web tools.
  std::shared_ptr<WebAccess> web;
};

// The file and shell tools (sdk/tools/). Blocking file work runs on threads that start with the first call.
// An error when the workspace cannot be opened.
Result<std::vector<std::shared_ptr<Tool>>> workspace_tools(WorkspaceOptions options);
// Tools that need no sandbox: get_current_time.
std::vector<std::shared_ptr<Tool>> plain_tools();

}  // namespace isa::sdk
