// Processes of sandboxes, identified so that a reused pid is never mistaken for them.
#pragma once

#include "base/result.h"
#include "base/time.h"

#include <filesystem>
#include <optional>
#include <vector>

#include <sys/types.h>

namespace isa::cloud_os {

struct ProcessId {
  pid_t pid = 0;
  unsigned long long start = 0;  // Field 22 of /proc/<pid>/stat: clock ticks since boot.
  auto operator<=>(const ProcessId&) const = default;
};

// By the clock of now, to about a second.
Timestamp started_at(const ProcessId& process);

// Of a living process; a zombie does not count.
std::optional<ProcessId> identify(pid_t pid);
// Of a child of this process that was not reaped yet, also when it has ended: nobody else can have its pid.
std::optional<ProcessId> identify_child(pid_t pid);
bool is_alive(const ProcessId& process);
// A descriptor for exactly this process, or -1 when it is gone. Close it.
int open_process(const ProcessId& process);
// Takes the status of an ended child, so that it stops being a zombie. Nothing happens for anybody else's.
void reap(const ProcessId& process);
// SIGKILL, and waits at most `patience` until it is gone (a zombie of ours is reaped). True when it is gone.
bool kill_and_wait(const ProcessId& process, std::chrono::milliseconds patience);
// The same for it and all its descendants. Nobody escapes who cannot get out from below it, as from a
// subreaper.
bool kill_family(const ProcessId& process, std::chrono::milliseconds patience);
void send_signal(const ProcessId& process, int number);
bool wait_until_gone(const ProcessId& process, std::chrono::milliseconds patience);

// What a shim wrote of itself and of the sandbox's first process; empty fields when unknown.
struct SandboxProcesses {
  std::optional<ProcessId> shim;
  std::optional<ProcessId> init;
};
SandboxProcesses read_pids(const std::filesystem::path& file);

struct ShimProcess {
  ProcessId process;
  std::filesystem::path dir;  // Its --dir.
};
// Running shims whose folder lies directly in `sandboxes`.
Result<std::vector<ShimProcess>> find_shims(const std::filesystem::path& sandboxes);

}  // namespace isa::cloud_os
