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

// Awaited one at a time, with the position of a call. An error stops the calls that still run and is the
// batch's result.
struct ToolBatchSinks {
  std::function<Task<Result<void>>(std::size_t, ToolRun)> done;  // In the order in which the calls end.
  // Between a call's begin and its end, as seldom as ProgressMeter says. May be empty.
  std::function<Task<Result<void>>(std::size_t, ToolProgress)> progress = {};
};

// Runs all of `calls` together and returns, or throws when it is cancelled, only after every one has ended.
Task<Result<void>> run_tools_together(ToolBox& tools, std::span<const Part> calls, Deadline deadline,
                                      ToolBatchSinks sinks);

}  // namespace isa::sdk
