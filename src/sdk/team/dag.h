// Runs the tasks of a team, each as soon as those that it depends on are completed.
#pragma once

#include "sdk/team/member.h"
#include "sdk/team/outcome.h"
#include "sdk/team/shared_state.h"

namespace isa::sdk::team {

// Stores how far the tasks are. An error ends the run.
using SaveState = std::function<Task<Result<void>>()>;

// Emits the members' events with metadata.agent and task_id, and of its own, in metadata.event:
//   dag_start {agent: the entry agent, tasks: [{task_id, title, agent, depends_on, state}], max_parallel
//             [, resumed]}  before anything runs, and again (resumed: true) when it goes on after it was cut
//             off
//   dag_task  {task_id, title, agent, state, attempt[, reason][, duration_ms]}  at every change of a task's
//             state; of a completed one the content is its output, cut with a mark
//
// At most max_parallel tasks run at once. A task gets the user's message, its own description and the results
// of what it depends on. One that fails after its retries, or takes longer than its timeout, ends in failed;
// everything that depends on it, directly or not, is skipped and never runs; the rest goes on. A task that
// waits for people holds up nothing but what depends on it; its timeout stands still meanwhile.
//
// The answer is the outputs of the tasks that nothing depends on. When a task is not completed, the subtype
// is error_task_failed and the answer ends with a report that names each such task and why. When some wait
// and nothing else can run, the outcome is_waiting: run again with Beginning::decided once state.waiting()
// has answers.
//
// `save` may be empty. It is called before a task starts and before anybody is told that one has ended, once
// for all that changed together. So what was completed is never run again after Beginning::cut_off; what was
// running then is tried again where it has retries left, and has failed otherwise.
//
// `state` is current at every moment, and ends with no task under way but those that wait, also when the task
// is cancelled (the cancelled tasks say so) or the sink or `save` fails, whose error is the result then.
// Tasks that are over in a resumed state are not run again. `team` has been checked by read_team() and
// outlives the run.
Task<Result<TeamOutcome>> run_dag(const TeamSpec& team, TeamRequest request, MemberRunner& runner,
                                  SharedState& shared, DagState& state, EventSink sink, SaveState save = {});

}  // namespace isa::sdk::team
