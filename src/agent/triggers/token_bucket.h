#pragma once

#include "base/deadline.h"

#include <algorithm>

namespace isa::agent {

// At most `burst` at once and `per_second` in the long run. The clock is an argument.
class TokenBucket {
 public:
  using Clock = Deadline::Clock;
  TokenBucket(double burst, double per_second) : burst_(burst), per_second_(per_second), tokens_(burst) {}

  // Takes one; false when there is none.
  bool take(Clock::time_point now) {
    if (now > filled_) {
      const std::chrono::duration<double> passed = now - filled_;
      tokens_ =
          filled_ == Clock::time_point{} ? burst_ : std::min(burst_, tokens_ + passed.count() * per_second_);
      filled_ = now;
    }
    if (tokens_ < 1) return false;
    tokens_ -= 1;
    return true;
  }
  // Nobody has taken anything lately: forgetting it changes nothing.
  bool is_full(Clock::time_point now) const {
    const std::chrono::duration<double> passed = now - filled_;
    return tokens_ + passed.count() * per_second_ >= burst_;
  }

 private:
  double burst_;
  double per_second_;
  double tokens_;
  Clock::time_point filled_{};
};

}  // namespace isa::agent
