// Runs tool calls at the same time.
#pragma once

#include "sdk/tool.h"

#include <chrono>
#include <functional>
#include <span>

namespace isa::sdk {

struct ToolRun {
  ToolOutput output;
  std::chrono::milliseconds duration{0};
};

Task<ToolRun> run_tool(ToolBox& tools, const Part& call, Deadline deadline);

// Gets the position of a call and what it gave, in the order in which the calls end, one at a time. An error
// stops the calls that still run and is the batch's result.
using ToolRunSink = std::function<Task<Result<void>>(std::size_t, ToolRun)>;

// Runs all of `calls` together and returns, or throws when it is cancelled, only after every one has ended.
Task<Result<void>> run_tools_together(ToolBox& tools, std::span<const Part> calls, Deadline deadline,
                                      ToolRunSink sink);

}  // namespace isa::sdk
