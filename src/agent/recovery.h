#pragma once

#include "store/run.h"

namespace isa::agent {

struct RecoveryReport {
  std::size_t ended = 0;     // Runs that were cut off and have an end now.
  std::size_t released = 0;  // Runs that the log still held although the store had them.
};

// Gives every run that a crash cut off its end, before anything is served: an error event with code
// `interrupted` and a session_end, with the next seqs after those that clients may have seen. A run whose
// last events made it to the log keeps the end that they say. May be cut off itself and run again.
Task<Result<RecoveryReport>> recover_runs(store::RunStore& runs, store::EventLog& log);

}  // namespace isa::agent
