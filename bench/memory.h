#pragma once

#include <sys/types.h>

namespace isa::bench {

// Proportional set size of one process; MB (2^20 bytes). A process that cannot be read ends the benchmark.
double memory_mb(pid_t pid);

}  // namespace isa::bench
