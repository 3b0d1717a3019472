// Runs the tasks of a team, each as soon as those that it depends on are completed.
#pragma once

#include "sdk/team/member.h"
#include "sdk/team/outcome.h"
#include "sdk/team/shared_state.h"

namespace isa::sdk::team {

// Emits the members' events with metadata.agent and task_id, and of its own, in metadata.event:
//   dag_start {tasks: [{task_id, title, agent, depends_on}], max_parallel}   before anything runs
//   dag_task  {task_id, title, agent, state, attempt[, reason][, duration_ms]}  at every change of a task's
//             state; of a completed one the content is its output, cut with a mark
//
// At most max_parallel tasks run at once. A task gets the user's message, its own description and the results
// of what it depends on. One that fails after its retries, or takes longer than its timeout, ends in failed;
// everything that depends on it, directly or not, is skipped and never runs; the rest goes on.
//
// The answer is the outputs of the tasks that nothing depends on. When a task is not completed, the subtype
// is error_task_failed and the answer ends with a report that names each such task and why.
//
// `state` is current at every moment, and ends with no task under way, also when the task is cancelled (the
// cancelled tasks say so) or the sink fails, whose error is the result then. Tasks that are over in a resumed
// state are not run again. `team` has been checked by read_team() and outlives the run.
Task<Result<TeamOutcome>> run_dag(const TeamSpec& team, TeamRequest request, MemberRunner& runner,
                                  SharedState& shared, DagState& state, EventSink sink);

}  // namespace isa::sdk::team
