// What surrounds one call of a tool.
#pragma once

#include "base/deadline.h"

#include <functional>
#include <optional>
#include <string>
#include <utility>

namespace isa::sdk {

// What a call that is not over yet says of itself.
struct ToolProgress {
  std::string text;                              // What is new since it last said something.
  std::optional<double> percent = std::nullopt;  // Of the whole, 0 to 100, where that is known.
};
using ToolProgressSink = std::function<void(const ToolProgress&)>;

struct ToolContext {
  // Implicit: most callers have a deadline and nobody who watches.
  ToolContext(Deadline deadline, ToolProgressSink progress = {})
      : deadline(deadline), progress(std::move(progress)) {}

  // As often as a tool likes, while its call runs: whoever watches is told no more than can be followed.
  void report(const ToolProgress& news) const {
    if (progress) progress(news);
  }

  Deadline deadline;
  ToolProgressSink progress;  // May be empty.
};

}  // namespace isa::sdk
