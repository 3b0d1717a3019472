// What the tools of MCP servers are called. Providers of models take [a-zA-Z0-9_-]{1,64}; MCP allows 128
// characters, dots among them, and a server's name comes before its tools'.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace isa::sdk::mcp {

// A tool as an agent's config names it: mcp:<server>/<tool>.
struct ToolRef {
  std::string server;
  std::string tool;

  std::string to_string() const { return "mcp:" + server + "/" + tool; }
  auto operator<=>(const ToolRef&) const = default;
};

// mcp__<server>__<tool> where that is a name which providers take and that can be read back; otherwise a
// readable form of it with a hash of the whole at its end. The same for the same tool, always, so that a
// conversation may go on after a restart.
std::string provider_name(const ToolRef& tool);

// Both ways. No two tools get one name: the second is refused.
class ToolNames {
 public:
  // Nothing when the name is taken by another tool, which takes a hash that was made to collide.
  std::optional<std::string> add(const ToolRef& tool);
  const ToolRef* find(std::string_view name) const;

 private:
  std::map<std::string, ToolRef, std::less<>> by_name_;
};

// Whether `pattern` (mcp:<server>/<tool>, where * in <tool> stands for any characters) allows `name`
// (ToolRef::to_string()). Any other pattern allows what it equals.
bool allows(std::string_view pattern, std::string_view name);

}  // namespace isa::sdk::mcp
