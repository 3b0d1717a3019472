#pragma once

#include "sdk/event.h"

#include <set>
#include <string>
#include <vector>

namespace isa::agent {

// Whose call it is, and its id: members of a team may have calls of the same id.
struct CallKey {
  std::string agent;
  std::string task_id;
  std::string id;

  auto operator<=>(const CallKey&) const = default;
};

// The tool calls of a turn that have not been answered yet: whoever ends the turn answers them, so that a
// reader never waits for a tool_result that does not come.
class OpenCalls {
 public:
  void see(const sdk::Event& event);
  // A tool_result for each that does not go on, which says that it was cut off.
  std::vector<sdk::Event> cut_off(const std::set<CallKey>& going_on = {}) const;

 private:
  struct Call {
    CallKey key;
    std::string tool;
  };
  std::vector<Call> open_;  // In order; a turn runs a handful at a time.
};

// Of one that cut_off() made: the call waited for somebody, and was not begun.
void say_not_run(sdk::Event& cut_off);

}  // namespace isa::agent
