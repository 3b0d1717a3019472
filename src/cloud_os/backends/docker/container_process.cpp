#include "cloud_os/backends/docker/container_process.h"

#include "cloud_os/record.h"

namespace isa::cloud_os::docker {

std::optional<ProcessId> first_process(const Container& container) {
  const auto& state = container.State;
  if (!state.Running || state.Pid <= 0) return std::nullopt;
  const auto process = identify(static_cast<pid_t>(state.Pid));
  // The number alone proves nothing: it may be reused by now, or mean somebody else here than where the
  // engine is. Its control groups are named for the container.
  const auto groups = read_text(fmt::format("/proc/{}/cgroup", state.Pid)).value_or("");
  if (!process || groups.find(container.Id) == std::string::npos || !is_alive(*process)) return std::nullopt;
  return process;
}

}  // namespace isa::cloud_os::docker
