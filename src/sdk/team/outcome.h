// What a run of a team came to.
#pragma once

#include "sdk/team/dag_state.h"

namespace isa::sdk::team {

// One time that an agent wanted to hand over.
struct HandoffResult {
  std::string from;
  std::string to;
  std::string reason;     // The agent's; where it was not accepted, why.
  std::int64_t step = 0;  // The place of `from` in the order of turns, from 1.
  bool accepted = true;
};
BOOST_DESCRIBE_STRUCT(HandoffResult, (), (from, to, reason, step, accepted))

struct TeamOutcome {
  std::string text;  // The answer; of a DAG that failed in part, with a report.
  // success, error_max_handoffs (with `limit`: max_handoffs, max_visits or handoff_cycle), error_task_failed,
  // or that of the member's turn which ended the run.
  std::string subtype = "success";
  std::string limit;
  std::string final_agent;
  std::vector<HandoffResult> handoff_trace;
  std::map<std::string, std::string> agent_outputs;  // The last of each agent; of a DAG by "agent:task_id".
  json::object shared_state;
  std::vector<TaskReport> tasks;  // Of a DAG.
  Usage usage;
  bool is_waiting = false;  // For people: this is no outcome yet, nothing else of it counts.
};

// The fields beside text and subtype, as the metadata of a result event bears them. Long outputs are cut,
// with a mark.
json::object details_of(const TeamOutcome& outcome);

}  // namespace isa::sdk::team
