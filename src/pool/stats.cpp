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

}  // namespace isa::pool
