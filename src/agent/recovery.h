#pragma once

#include "store/run.h"

#include <vector>

namespace isa::agent {

// A run that goes on: it waits, for a person or (queued) in its session's queue, or it is a team whose tasks
// a crash cut off. And what clients have seen of it.
struct WaitingRun {
  store::Run row;
  json::object document;                   // run_continuation.h: of a queued run its order.
  std::vector<store::LoggedEvent> events;  // In order, from seq 1.
  std::int64_t place = 0;                  // Of a queued run, as the next.
  std::optional<RunId> speaks_to = {};
};

struct RecoveryReport {
  std::size_t ended = 0;     // Runs that were cut off and have an end now.
  std::size_t released = 0;  // Runs that the log still held although the store had them.
  // Those that wait were not cut off, and teams with tasks go on all the same: a restart ends neither. Of one
  // session in the order in which they go on.
  std::vector<WaitingRun> waiting = {};
};

// Gives every run that a crash cut off its end, before anything is served: an error event with code
// `interrupted` and a session_end, with the next seqs after those that clients may have seen. A run whose
// last events made it to the log keeps the end that they say; one that had not begun waits on, unless another
// has heard its message (hand_over.h): it ends as steered; one that survives_a_crash() (run_continuation.h)
// goes on. May be cut off itself and run again.
Task<Result<RecoveryReport>> recover_runs(store::RunStore& runs, store::EventLog& log);
// The same for one of those that go on, when it cannot.
Task<Result<void>> give_up(store::RunStore& runs, store::EventLog& log, WaitingRun run);

}  // namespace isa::agent
