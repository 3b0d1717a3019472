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

// Why an acquire did not get a warm instance, or got none at all. The names are those of stats and metrics.
enum class Miss { no_warm, others_waiting, just_taken };
BOOST_DESCRIBE_ENUM(Miss, no_warm, others_waiting, just_taken)
enum class Fallback { bind_failed, bind_timeout };
BOOST_DESCRIBE_ENUM(Fallback, bind_failed, bind_timeout)
enum class Refusal { exhausted, cannot_create, draining, store_unavailable, other };
BOOST_DESCRIBE_ENUM(Refusal, exhausted, cannot_create, draining, store_unavailable, other)

// Since the pool manager started.
struct Totals {
  std::int64_t acquired = 0;
  std::int64_t acquired_warm = 0;
  std::int64_t resumed = 0;
  std::map<std::string, std::int64_t> misses, fallbacks, refusals;
  std::int64_t created = 0;
  std::int64_t destroyed = 0;
  std::int64_t failed = 0;
  std::int64_t expired = 0;
  std::int64_t recycled = 0;
  WaitTimes waits;
  WaitTimes creates;
};

// Adds the figures of a pool to those of others of its type.
void sum_up(PoolStats& to, const PoolStats& of);

}  // namespace isa::pool
