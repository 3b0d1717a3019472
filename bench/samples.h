// Timings, and how two of them compare.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

namespace isa::bench {

using Clock = std::chrono::steady_clock;

inline double millis_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

// Nearest-rank percentile; p in 0..100. The samples are copied: they stay in order of time for the caller.
double percentile(std::vector<double> samples, double p);

struct Spread {
  double min = 0, median = 0, max = 0;
};
Spread spread(const std::vector<double>& values);
std::string show(const Spread& spread, const char* unit);  // "1.2 ms (1.1-1.9)"

// One line of bench/results.md.
struct Row {
  std::string figure;       // P1
  std::string what;         // warm acquire, p50
  std::string ours;         // 0.21 ms (0.20-0.25)
  std::string peer;         // empty route: 0.15 ms (...)
  std::string ratio;        // 1.4x (1.3-1.5)
  std::string goal;         // <= 1.5x
  std::optional<bool> met;  // None: there is no goal.
};
void print(const Row& row);  // As a row of a Markdown table.

// Without a goal the last two cells are empty. Ratios round by round: ours[i] / peer[i], which noise that
// lasts longer than a round does not touch.
Row compare(std::string figure, std::string what, const std::vector<double>& ours,
            const std::string& peer_name, const std::vector<double>& peer, const char* unit,
            std::optional<double> goal_ratio);

}  // namespace isa::bench
