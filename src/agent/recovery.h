#pragma once

#include "store/run.h"

#include <vector>

namespace isa::agent {

// A run that waits for a person, or can go on after it was cut off, and what clients have seen of it.
struct WaitingRun {
  store::Run row;
  json::object continuation;
  std::vector<store::LoggedEvent> events;  // In order, from seq 1.
};

struct RecoveryReport {
  std::size_t ended = 0;                 // Runs that were cut off and have an end now.
  std::size_t released = 0;              // Runs that the log still held although the store had them.
  std::vector<WaitingRun> waiting = {};  // They were not cut off: a restart does not end them.
  std::vector<WaitingRun> cut_off = {};  // Teams whose tasks were under way: they go on.
};

// Gives every run that a crash cut off its end, before anything is served: an error event with code
// `interrupted` and a session_end, with the next seqs after those that clients may have seen. A run whose
// last events made it to the log keeps the end that they say; one that survives_a_crash() and has begun gets
// none. May be cut off itself and run again.
Task<Result<RecoveryReport>> recover_runs(store::RunStore& runs, store::EventLog& log);
// The same for one of those that go on, when it cannot.
Task<Result<void>> give_up(store::RunStore& runs, store::EventLog& log, WaitingRun run);

}  // namespace isa::agent
