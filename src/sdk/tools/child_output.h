// What a child writes, from its pipes to whoever keeps it.
#pragma once

#include "sdk/tools/child.h"

#include <functional>
#include <string_view>

namespace isa::sdk {

struct OutputSinks {
  std::function<void(std::string_view)> out, err;
  // Before more is read: the child waits as long as this does. Empty: never.
  std::function<Task<void>()> room;
};

// Hands on the output until the child itself has ended. Cancelled, it leaves `end` empty.
Task<void> run_to_end(Child& child, const OutputSinks& sinks, std::optional<ChildEnd>& end);

// What is already in the pipes. Not up to their end: a process that left the group may hold them open, and
// write on.
void drain(Child& child, const OutputSinks& sinks);

}  // namespace isa::sdk
