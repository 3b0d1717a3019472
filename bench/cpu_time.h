// Who used the processor: what makes a figure honest whose load and platform share the same cores.
#pragma once

#include <map>
#include <string>

#include <sys/types.h>

namespace isa::bench {

struct ThreadSeconds {
  double ran = 0;     // User and system.
  double waited = 0;  // Ready to run, while all cores that it may use ran something else.
};

// Of each thread of a process, by the thread's name; threads of one name are added up. A process that cannot
// be read, or a kernel without /proc/<pid>/schedstat, ends the benchmark.
std::map<std::string, ThreadSeconds> thread_seconds(pid_t pid);

// Seconds that all processors together were not idle since the machine started, stolen time included.
double machine_busy_seconds();

}  // namespace isa::bench
