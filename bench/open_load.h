// P8's load: runs that start when they are due, whether or not earlier ones have ended (an open loop), each
// streamed to its end and checked whole.
#pragma once

#include "base/async.h"
#include "net/client.h"
#include "samples.h"

#include <string>
#include <vector>

namespace isa::bench {

struct LoadTarget {
  net::Endpoint at;
  std::string path;
  // The body of a run; "{}" in it is replaced by a number that no other run has.
  std::string body;
  bool is_platform = true;  // Else the upstream itself: its stream has no run's events.
  int chunks = 0;           // Of text that a whole answer has.
};

struct Load {
  int rate = 0;            // Runs offered per second.
  std::vector<double> ms;  // Of each run that ended well, from when it was due; in order of that.
  int refused = 0;         // Answered with another status than 200.
  int failed = 0;          // Ended in order, with an error as its result.
  bool gave_up = false;    // Offering was stopped: far more runs were open than could end in time.
  std::string why;         // Of the first that was refused or failed.
};

// Called while a load is offered: a second after its start, when as many runs end as start, and when
// the last was started.
class LoadObserver {
 public:
  virtual ~LoadObserver() = default;
  virtual void steady() = 0;
  virtual void offered() = 0;
};

// Offers rate * seconds runs, evenly, and waits for the end of all of them. An answer that is not whole (an
// event missing or twice, not exactly one result and one session_end, text missing) ends the benchmark: a
// platform that loses events is not measured.
Task<void> offer_load(net::Client& client, const LoadTarget& target, double seconds, LoadObserver* observer,
                      Load& to);

}  // namespace isa::bench
