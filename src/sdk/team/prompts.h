// What the members of a team are told.
#pragma once

#include "sdk/team/dag_state.h"

#include <optional>

namespace isa::sdk::team {

inline constexpr std::size_t kContextMax = 2'000;  // Bytes that one agent hands to the next.

// The user's message, the results of what the task depends on, and the task.
std::string task_prompt(std::string_view message, const TaskSpec& task, const DagState& state);

// What follows a member's system prompt: who the others are, and how to hand over. Empty for a team of one.
std::string handoff_protocol(const TeamSpec& team, std::string_view member);

struct Handoff {
  std::string from;
  std::string to;
  std::string reason;
  std::string context;
};
// The user's message and what the agent before says. The context is cut at its front, with a mark.
std::string handoff_prompt(std::string_view message, const Handoff& handoff);

// For an agent that wanted to hand over and could not.
std::string refused_prompt(std::string_view message, std::string_view why);

}  // namespace isa::sdk::team
