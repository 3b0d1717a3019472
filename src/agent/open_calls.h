#pragma once

#include "sdk/event.h"

#include <string>
#include <vector>

namespace isa::agent {

// The tool calls of a turn that have not been answered yet: whoever ends the turn answers them, so that a
// reader never waits for a tool_result that does not come.
class OpenCalls {
 public:
  void see(const sdk::Event& event);
  // A tool_result for each, which says that it was cut off.
  std::vector<sdk::Event> cut_off() const;

 private:
  struct Call {
    std::string id;
    std::string tool;
  };
  std::vector<Call> open_;  // In order; a turn runs a handful at a time.
};

// Of one that cut_off() made: the call waited for somebody, and was not begun.
void say_not_run(sdk::Event& cut_off);

}  // namespace isa::agent
