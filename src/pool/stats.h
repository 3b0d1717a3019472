#pragma once

#include "pool/client.h"

#include <array>
#include <chrono>
#include <cstddef>

namespace isa::pool {

// The last thousand waits: enough for an honest p99, bounded for ever.
class WaitTimes {
 public:
  void add(std::chrono::nanoseconds wait);
  Percentiles in_ms() const;  // Zero when nothing was measured yet.

 private:
  std::array<double, 1024> ms_{};
  std::size_t count_ = 0;  // Of all ever added; the oldest are overwritten.
};

// Since the pool manager started.
struct Totals {
  std::int64_t acquired = 0;
  std::int64_t acquired_warm = 0;
  std::int64_t created = 0;
  std::int64_t destroyed = 0;
  std::int64_t failed = 0;
  WaitTimes waits;
};

}  // namespace isa::pool
