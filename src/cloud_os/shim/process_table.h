// The processes of this host as /proc shows them, for a sandbox that has no namespace of its own.
#pragma once

#include <sys/types.h>

namespace isa::shim {

struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  char state = 0;  // As proc_pid_stat(5) writes it.
  // In ticks since the host's start: with the pid it names a process for ever.
  unsigned long long start = 0;
};

bool read_process(pid_t pid, Process& found);

// Signals every descendant of this process that lives. SIGSTOP goes only to those that still run; the answer
// is how many were signalled. A process that is made meanwhile may be missed.
int signal_descendants(int number);

}  // namespace isa::shim
