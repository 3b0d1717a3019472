#include "samples.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace isa::bench {

double percentile(std::vector<double> samples, double p) {
  if (samples.empty()) return 0;
  std::ranges::sort(samples);
  const auto rank = static_cast<std::size_t>(std::ceil(p / 100.0 * static_cast<double>(samples.size())));
  return samples[std::clamp<std::size_t>(rank, 1, samples.size()) - 1];
}

Spread spread(const std::vector<double>& values) {
  return {percentile(values, 0), percentile(values, 50), percentile(values, 100)};
}

std::string show(const Spread& s, const char* unit) {
  return fmt::format("{:.3g}{} ({:.3g}-{:.3g})", s.median, unit, s.min, s.max);
}

void print(const Row& row) {
  std::printf("| %s | %s | %s | %s | %s | %s | %s |\n", row.figure.c_str(), row.what.c_str(),
              row.ours.c_str(), row.peer.c_str(), row.ratio.c_str(), row.goal.c_str(),
              !row.met   ? ""
              : *row.met ? "yes"
                         : "**no**");
  std::fflush(stdout);
}

Row compare(std::string figure, std::string what, const std::vector<double>& ours,
            const std::string& peer_name, const std::vector<double>& peer, const char* unit,
            std::optional<double> goal_ratio) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < std::min(ours.size(), peer.size()); ++i) ratios.push_back(ours[i] / peer[i]);
  const auto ratio = spread(ratios);
  return {std::move(figure),
          std::move(what),
          show(spread(ours), unit),
          peer_name + ": " + show(spread(peer), unit),
          show(ratio, "x"),
          goal_ratio ? fmt::format("<= {:.3g}x", *goal_ratio) : "",
          goal_ratio ? std::optional(ratio.median <= *goal_ratio) : std::nullopt};
}

}  // namespace isa::bench
