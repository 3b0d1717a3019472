#include "cpu_time.h"

#include "http.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace isa::bench {
namespace {

double ticks_to_seconds(double ticks) {
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::map<std::string, ThreadSeconds> thread_seconds(pid_t pid) {
  std::map<std::string, ThreadSeconds> threads;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
    std::ifstream name_file(thread.path() / "comm"), file(thread.path() / "schedstat");
    std::string name;
    double ran = 0, waited = 0;  // Nanoseconds: Documentation/scheduler/sched-stats.rst of Linux.
    if (!std::getline(name_file, name) || !(file >> ran >> waited)) continue;  // It ended meanwhile.
    threads[name].ran += ran / 1e9;
    threads[name].waited += waited / 1e9;
  }
  if (threads.empty()) die(fmt::format("cannot read the threads of process {}", pid));
  return threads;
}

double machine_busy_seconds() {
  std::ifstream file("/proc/stat");
  std::string label;
  double user, nice, system, idle, iowait, irq, softirq, steal;
  if (!(file >> label >> user >> nice >> system >> idle >> iowait >> irq >> softirq >> steal))
    die("cannot read /proc/stat");
  return ticks_to_seconds(user + nice + system + irq + softirq + steal);
}

}  // namespace isa::bench
