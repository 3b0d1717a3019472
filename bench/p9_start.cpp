// P9: `isa up` to ready with ten warm sandboxes, and the memory of the platform then. P10: size of the
// program.
#include "figures.h"
#include "http.h"
#include "memory.h"
#include "platform_process.h"
#include "samples.h"

#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

namespace isa::bench {
namespace {

constexpr int kRounds = 5;
constexpr double kReadyGoalMs = 1000;
constexpr double kMemoryGoalMb = 60;
constexpr double kSizeGoalMb = 30;

double stripped_mb(const std::string& name) {
  const auto copy = "/tmp/isa-bench-stripped-" + name;
  if (std::system(fmt::format("strip -o {} '{}/{}'", copy, program_folder(), name).c_str()) != 0)
    die("strip failed");
  const auto size = static_cast<double>(std::filesystem::file_size(copy)) / (1 << 20);
  std::filesystem::remove(copy);
  return size;
}

}  // namespace

void start_and_memory() {
  std::vector<double> serving, warm, memory;
  for (int round = 0; round < kRounds; ++round) {
    const PlatformProcess platform({"pool.agent.warm=10"});
    serving.push_back(platform.time_to_ready().count());
    warm.push_back(platform.wait_for_warm(10));
    memory.push_back(memory_mb(platform.pid()));
  }
  const auto row = [](const char* what, const std::vector<double>& values, const char* unit, double goal) {
    const auto s = spread(values);
    print({"P9", what, show(s, unit), "", "", fmt::format("<= {}{}", goal, unit), s.median <= goal});
  };
  row("start -> GET /ready is 200", serving, " ms", kReadyGoalMs);
  row("start -> ten warm sandboxes", warm, " ms", kReadyGoalMs);
  row("memory of the platform's process then (PSS)", memory, " MB", kMemoryGoalMb);
}

void binary_size() {
  const double isa = stripped_mb("isa"), runtime = stripped_mb("isa-runtime"), shim = stripped_mb("isa-shim");
  const double all = isa + runtime + shim;
  print({"P10", "isa + isa-runtime + isa-shim, stripped",
         fmt::format("{:.1f} MB ({:.1f} + {:.1f} + {:.2f})", all, isa, runtime, shim), "", "",
         fmt::format("<= {} MB", kSizeGoalMb), all <= kSizeGoalMb});
}

}  // namespace isa::bench
