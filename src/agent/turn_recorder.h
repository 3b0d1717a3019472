#pragma once

#include "agent/open_calls.h"
#include "agent/run_stream.h"
#include "agent/said_text.h"
#include "agent/teams/open_tasks.h"

#include <optional>
#include <string>
#include <vector>

namespace isa::agent {

// Whether the turn says that it has heard what the user said to it while it worked.
bool is_steered(const sdk::Event& event);

// What stands between whatever runs the turn (our loop, or any program in a sandbox) and the run's stream: it
// lets pass what a turn may say and keeps the order of events the platform's own business.
//
// The turn's session_start and session_end are dropped; its first result or error is kept for the end of the
// run and everything after it is dropped. So exactly one of each is written, by whoever ends the run. Dropped
// is, too, what the platform alone says, and gives to the stream itself: that it asks somebody (hil_request),
// what was decided (hil.*), that the run is queued. From a turn it is forged, and readers act on it.
class TurnRecorder {
 public:
  explicit TurnRecorder(RunStream& stream) : stream_(stream) {}

  // An error means that the turn should stop: nothing it says is taken any more.
  Task<Result<void>> take(sdk::Event event);
  // What the turn said before the platform was restarted.
  void restore(const std::vector<store::LoggedEvent>& events);
  // From now on everything is refused.
  void stop() { is_stopped_ = true; }

  // Whether the turn said anything at all.
  bool has_begun() const { return has_begun_; }
  const std::optional<sdk::Event>& terminal() const { return terminal_; }
  // Why the stream took no more, when it did not: the log failed, or the run grew too large.
  const std::optional<Error>& failure() const { return failure_; }
  const OpenCalls& open_calls() const { return open_calls_; }
  OpenTasks& open_tasks() { return open_tasks_; }
  // The text that was streamed so far.
  std::string text() const { return said_.text(); }

 private:
  RunStream& stream_;
  std::optional<sdk::Event> terminal_;
  std::optional<Error> failure_;
  SaidText said_;
  OpenCalls open_calls_;
  OpenTasks open_tasks_;
  bool has_begun_ = false;
  bool is_stopped_ = false;
};

}  // namespace isa::agent
