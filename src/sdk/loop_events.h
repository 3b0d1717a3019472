// How the loop words its events.
#pragma once

#include "sdk/event.h"
#include "sdk/tool.h"

#include <chrono>

namespace isa::sdk {

inline constexpr std::size_t kPreviewMax = 4096;   // Of a tool's output in an event; bytes.
inline constexpr std::size_t kArgumentMax = 1000;  // Of one string among the arguments in an event; bytes.

Event context_complete_event(const ToolBox& tools, std::size_t platform_tools);
// {"event": name}
Event system_event(std::string_view name, std::string content);
Event tool_use_event(const Part& call);
Event progress_event(const Part& call, ToolProgress progress);
Event tool_result_event(const Part& call, const ToolOutput& output, std::chrono::milliseconds duration);

}  // namespace isa::sdk
