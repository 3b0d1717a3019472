#include "cloud_os/shim_backend.h"

#include "cloud_os/environment.h"

#include <algorithm>
#include <cstdio>

#include <signal.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

constexpr auto kPatience = std::chrono::seconds(3);

}  // namespace

Result<void> ShimBackend::accepts(const VmCreate& spec) const {
  const auto unsupported = [this](std::string_view what, std::string_view field) {
    return not_implemented("the backend {} has no {}; leave {} out, or configure a backend that has it",
                           name(), what, field)
        .with_param(fmt::format("/{}", field));
  };
  if (spec.image && *spec.image != kDefaultImage)
    return unsupported("images: programs are the host's", "image");
  if (spec.command) return unsupported("start commands of custom agents", "command");
  if (spec.network_mode != NetworkMode::none) return unsupported("networks to choose from", "network_mode");
  if (spec.container_port)
    return unsupported("ports on the host: its endpoint is a Unix socket", "container_port");
  return check_environment(spec.env);
}

void ShimBackend::forget_last_start(const SandboxDir& dir) {
  std::error_code ignored;  // What matters is that they are not there now.
  fs::remove(dir.exit(), ignored);
  fs::remove(dir.pids(), ignored);
}

std::vector<std::string> ShimBackend::begin_command(const SandboxDir& dir, const Record& record,
                                                    const std::vector<fs::path>& groups) const {
  // find_shims() expects --dir first.
  std::vector<std::string> words = {config_.shim.string(),
                                    "--dir",
                                    dir.root.string(),
                                    "--log-bytes",
                                    std::to_string(config_.log_bytes),
                                    "--file-bytes",
                                    std::to_string(record.vm.limits.disk_size_gb << 30)};
  for (const auto& group : groups) words.insert(words.end(), {"--cgroup", group.string()});
  return words;
}

Result<std::optional<ProcessId>> ShimBackend::find(const SandboxDir& dir) {
  const auto shim = read_pids(dir.pids()).shim;
  return shim && is_alive(*shim) ? shim : std::nullopt;
}

VmExit ShimBackend::exit_of(const SandboxDir& dir) {
  VmExit exit;
  const auto text = read_text(dir.exit(), 256).value_or("");
  long long number = 0;
  if (std::sscanf(text.c_str(), "exited %lld", &number) == 1) {
    exit.code = number;
    exit.reason = "exited";
  } else if (std::sscanf(text.c_str(), "signaled %lld", &number) == 1) {
    exit.signal = number;
    exit.reason = number == SIGKILL && cgroups_.ran_out_of_memory(dir.id()) ? "out of memory" : "killed";
  } else {
    exit.reason = "lost: its supervisor ended without leaving a status";
  }
  return exit;
}

Result<std::string> ShimBackend::logs(const SandboxDir& dir) {
  return read_text(dir.old_log()).value_or("") + read_text(dir.log()).value_or("");
}

Result<void> ShimBackend::kill(const SandboxDir& dir) {
  auto processes = read_pids(dir.pids());
  if (!processes.shim) {  // Killed between its start and its first words.
    if (const auto shims = find_shims(config_.sandboxes))
      for (const auto& shim : *shims)
        if (shim.dir == dir.root) processes.shim = shim.process;
  }
  // The shim first: it knows of a child that has not yet joined its group.
  if (processes.shim) send_signal(*processes.shim, SIGTERM);
  auto status = cgroups_.kill(dir.id());
  if (processes.shim && !wait_until_gone(*processes.shim, kPatience) &&
      !kill_and_wait(*processes.shim, kPatience) && status)
    status = internal_error("the supervisor of sandbox {} (process {}) does not end although it was killed",
                            dir.id(), processes.shim->pid);
  // Without its shim, and on hosts without control groups, the first process is how to reach all the others.
  // It may have been named since the file was read.
  if (const auto init = read_pids(dir.pids()).init; init && !kill_family(*init, kPatience) && status)
    status =
        internal_error("process {} of sandbox {} does not end although it was killed", init->pid, dir.id());
  return status;
}

Result<std::vector<Alive>> ShimBackend::enumerate() {
  std::map<std::string, Timestamp> found;
  const auto add = [&](const std::string& name, Timestamp since) {
    const auto entry = found.emplace(name, since).first;
    entry->second = std::min(entry->second, since);
  };
  ISA_TRY(const auto groups, cgroups_.groups());
  for (const auto& [name, since] : groups) add(name, since);
  ISA_TRY(const auto shims, find_shims(config_.sandboxes));
  for (const auto& shim : shims) add(shim.dir.filename().string(), started_at(shim.process));
  std::vector<Alive> alive;
  for (const auto& [name, since] : found) alive.push_back({SandboxId(name), since});
  return alive;
}

}  // namespace isa::cloud_os
