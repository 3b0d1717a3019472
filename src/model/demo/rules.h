// What the demo model understands: each rule turns one step of a request into a tool call or into a reply.
#pragma once

#include "base/json.h"

#include <string>
#include <string_view>
#include <vector>

namespace isa::model::demo {

struct ToolUse {
  std::string tool;
  json::object arguments;
};

struct Step {
  enum class Kind { tool, reply, unknown };
  Kind kind = Kind::unknown;
  std::string text;            // As it was asked.
  std::vector<ToolUse> tools;  // kind tool: alternatives, the preferred one first.
  std::string reply;           // kind reply
};

// `earlier`: what the same person said before, oldest first.
std::vector<Step> read_request(std::string_view request, const std::vector<std::string>& earlier);

// What the demo model says of itself.
std::string introduction();

}  // namespace isa::model::demo
