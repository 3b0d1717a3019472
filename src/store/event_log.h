// The write-ahead log of live runs: append-only, shared by all runs, written in groups.
#pragma once

#include "base/async.h"
#include "base/ids.h"
#include "base/result.h"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace isa::store {

struct LoggedEvent {
  std::int64_t seq = 0;
  std::shared_ptr<const std::string> json;  // The event as it goes over the wire; shared with its readers.
};

// append() completes when the operating system has the bytes: from then on they survive kill -9 of the
// platform, and may be shown. They are on the disk (fdatasync) at most kGroupCommit later: a power cut loses
// no more than that. One thread writes; what arrives while it writes goes with the next group. Safe to call
// from any event loop.
class EventLog {
 public:
  static constexpr std::chrono::milliseconds kGroupCommit{20};

  virtual ~EventLog() = default;
  virtual Task<Result<void>> append(RunId run, std::vector<LoggedEvent> events) = 0;
  // The run's events are in the RunStore now; the log may forget them. Segments without live runs are
  // deleted.
  virtual Task<Result<void>> release(RunId run) = 0;
  // What the log still holds of runs that were not released, in order of seq: for recovery after a crash. A
  // record torn by a power cut ends its segment.
  virtual Task<Result<std::map<RunId, std::vector<LoggedEvent>>>> recover() = 0;
};

}  // namespace isa::store
