#include "memory.h"

#include "http.h"

#include <fmt/format.h>

#include <fstream>

namespace isa::bench {

double memory_mb(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/smaps_rollup", pid));
  for (std::string word; file >> word;) {
    if (word != "Pss:") continue;
    double kilobytes = 0;
    file >> kilobytes;
    return kilobytes / 1024;
  }
  die(fmt::format("cannot read the memory of process {}", pid));
}

}  // namespace isa::bench
