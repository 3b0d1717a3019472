#include "pool/stats.h"

#include <algorithm>
#include <vector>

namespace isa::pool {

void WaitTimes::add(std::chrono::nanoseconds wait) {
  ms_[count_++ % ms_.size()] = std::chrono::duration<double, std::milli>(wait).count();
}

Percentiles WaitTimes::in_ms() const {
  const auto n = std::min(count_, ms_.size());
  if (n == 0) return {};
  std::vector<double> sorted(ms_.begin(), ms_.begin() + static_cast<std::ptrdiff_t>(n));
  std::ranges::sort(sorted);
  // Nearest rank: the smallest value that at least so many percent do not pass.
  const auto rank = [&](std::size_t percent) { return sorted[(n * percent + 99) / 100 - 1]; };
  return {rank(50), rank(99)};
}

namespace {

void add(std::map<std::string, std::int64_t>& to, const std::map<std::string, std::int64_t>& of) {
  for (const auto& [reason, count] : of) to[reason] += count;
}

// Percentiles of parts do not add up: the slowest part stands for all.
void take_slower(Percentiles& to, const Percentiles& of) {
  to.p50 = std::max(to.p50, of.p50);
  to.p99 = std::max(to.p99, of.p99);
}

}  // namespace

void sum_up(PoolStats& to, const PoolStats& of) {
  to.warm_instances += of.warm_instances;
  to.active_instances += of.active_instances;
  to.creating += of.creating;
  to.leaving += of.leaving;
  to.target_warm += of.target_warm;
  to.max_instances += of.max_instances;
  to.waiting += of.waiting;
  to.longest_wait_ms = std::max(to.longest_wait_ms, of.longest_wait_ms);
  to.acquired_total += of.acquired_total;
  to.acquired_warm_total += of.acquired_warm_total;
  to.resumed_total += of.resumed_total;
  add(to.misses, of.misses);
  add(to.fallbacks, of.fallbacks);
  add(to.refusals, of.refusals);
  to.created_total += of.created_total;
  to.destroyed_total += of.destroyed_total;
  to.failed_total += of.failed_total;
  to.expired_total += of.expired_total;
  to.recycled_total += of.recycled_total;
  to.acquires_per_second += of.acquires_per_second;
  take_slower(to.acquire_ms, of.acquire_ms);
  take_slower(to.create_ms, of.create_ms);
  to.is_draining = to.is_draining || of.is_draining;
  if (!to.back_off) to.back_off = of.back_off;
  if (!to.last_error) to.last_error = of.last_error;
}

}  // namespace isa::pool
