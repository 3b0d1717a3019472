// Agents that hand over to each other until one of them answers.
#pragma once

#include "sdk/team/member.h"
#include "sdk/team/outcome.h"
#include "sdk/team/shared_state.h"
#include "sdk/team/swarm_state.h"

namespace isa::sdk::team {

// Begins with the team's entry agent. Emits the members' events with metadata.agent, their text without
// directives, and of its own, in metadata.event:
//   swarm_agent_start {agent, step}                                before each turn
//   swarm_handoff     {agent, from_agent, to_agent, reason, step, accepted}
//
// An agent hands over with the tool handoff {agent, reason, context?} or a directive (sdk/team/directive.h).
// A target that is nobody else of the team: the same agent goes on and is told so, and the HandoffResult says
// why. Each agent has its own earlier turns of the run in its history.
//
// Ends with the first answer that hands nothing over; with a turn that did not succeed, whose subtype or
// error (as the Error of the result) is the run's; or at a limit - max_handoffs, max_visits of one agent, or
// the same cycle of handoffs three times in a row - with subtype error_max_handoffs and the last answer that
// an agent really gave. When an agent waits for people, the outcome is_waiting: run again with
// Beginning::decided once state.waiting has answers. `state` is new, or such a one; `team` has been checked
// by read_team() and outlives the run.
Task<Result<TeamOutcome>> run_swarm(const TeamSpec& team, TeamRequest request, MemberRunner& runner,
                                    SharedState& shared, SwarmState& state, EventSink sink);

// The length of the cycle that the last handoffs repeat `times` times in a row, or 0. Exposed for tests.
std::size_t repeated_cycle(const std::vector<std::pair<std::string, std::string>>& handoffs,
                           std::size_t times);

}  // namespace isa::sdk::team
