// How much a pool is asked for, and how fast it may be filled. All of it is arithmetic on times that are
// passed in.
#pragma once

#include "base/deadline.h"

#include <cstddef>

namespace isa::pool {

using TimePoint = Deadline::Clock::time_point;

// Events per second, damped: an event counts less the longer it is ago (half of it after 0.7 `memory`).
class Rate {
 public:
  explicit Rate(Deadline::Clock::duration memory) : memory_(memory) {}
  void add(TimePoint now);
  double per_second(TimePoint now) const;

 private:
  double decayed(TimePoint now) const;
  std::chrono::duration<double> memory_;
  double weight_ = 0;
  TimePoint at_{};
};

// As many warm instances as are asked for while one is made, twice over. Quick to rise, since callers wait;
// slow to fall.
class DemandMeter {
 public:
  void acquired(TimePoint now);
  void created(Deadline::Clock::duration took);
  double acquires_per_second(TimePoint now) const;
  std::size_t target(TimePoint now, std::size_t min, std::size_t max) const;

 private:
  Rate fast_{std::chrono::seconds(10)};
  Rate slow_{std::chrono::seconds(120)};
  std::chrono::duration<double> create_time_{0};  // Damped; zero until the first.
};

// Lets through `per_second` on average and `burst` at once.
class TokenBucket {
 public:
  TokenBucket(double per_second, double burst) : per_second_(per_second), burst_(burst), tokens_(burst) {}
  std::size_t available(TimePoint now);
  void take() { tokens_ -= 1; }
  TimePoint next(TimePoint now) const;  // When one more will be there.

 private:
  double per_second_, burst_, tokens_;
  TimePoint at_{};
};

// Lets users go first: while enough is warm, refilling waits for a moment without acquires, but never for
// long, so that a steady stream of them does not empty the pool.
class Courtesy {
 public:
  void acquired(TimePoint now) { last_ = now; }
  // When a creation for the pool may begin: now or earlier when it may. `has_plenty`: half of the target is
  // warm.
  TimePoint may_begin(TimePoint now, bool has_plenty);
  void begun() { wanted_since_.reset(); }

 private:
  TimePoint last_{};
  std::optional<TimePoint> wanted_since_;
};

}  // namespace isa::pool
