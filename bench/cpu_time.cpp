#include "cpu_time.h"

#include "http.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include <unistd.h>

namespace isa::bench {
namespace {

double ticks_to_seconds(double ticks) {
  return ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

}  // namespace

std::map<std::string, double> thread_seconds(pid_t pid) {
  std::map<std::string, double> seconds;
  std::error_code gone;
  for (const auto& thread : std::filesystem::directory_iterator(fmt::format("/proc/{}/task", pid), gone)) {
    std::ifstream file(thread.path() / "stat");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    const auto name = text.find('('), name_end = text.rfind(')');
    if (name == std::string::npos || name_end == std::string::npos) continue;  // It ended meanwhile.
    // proc_pid_stat(5): state is the third field, utime and stime are the 14th and the 15th.
    std::istringstream fields(text.substr(name_end + 1));
    std::string skipped;
    for (int field = 3; field < 14; ++field) fields >> skipped;
    double user = 0, system = 0;
    fields >> user >> system;
    seconds[text.substr(name + 1, name_end - name - 1)] += ticks_to_seconds(user + system);
  }
  if (seconds.empty()) die(fmt::format("cannot read the threads of process {}", pid));
  return seconds;
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
