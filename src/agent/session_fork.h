// Where the history of a forked session ends.
#pragma once

#include "store/run.h"
#include "store/session.h"

namespace isa::agent {

// The event after which a fork begins: "<run>:<seq>". validation_error of /after_event when it is none.
struct ForkPoint {
  RunId run;
  std::int64_t seq = 0;
};
Result<ForkPoint> parse_fork_point(const std::string& text);

// What a run had added to the history when its event `seq` had happened: its messages as far as the events
// show them, and of an answer that was under way the text so far. A tool call is kept only together with the
// calls beside it and all their results, so none is ever left without one.
Result<std::vector<store::SessionMessage>> history_until(const std::vector<store::SessionMessage>& of_run,
                                                         const std::vector<store::LoggedEvent>& events,
                                                         std::int64_t seq);

}  // namespace isa::agent
