#include "cloud_os/backends/bubblewrap/backend.h"

#include "cloud_os/backends/bubblewrap/start_shim.h"
#include "cloud_os/environment.h"
#include "cloud_os/unix_listener.h"

#include <algorithm>
#include <cerrno>

#include <signal.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

constexpr auto kShimPatience = std::chrono::seconds(3);
constexpr const char* kStageFolder = "/tmp/isa";  // shim/orders.h

Error unsupported(std::string_view what, std::string_view field) {
  return not_implemented("the backend bubblewrap has no {}; leave {} out, or configure a backend that has it",
                         what, field)
      .with_param(fmt::format("/{}", field));
}

}  // namespace

BubblewrapBackend::BubblewrapBackend(BubblewrapConfig config, SeccompFilter filter, Cgroups cgroups)
    : config_(std::move(config)), filter_(std::move(filter)), cgroups_(std::move(cgroups)) {}

std::string_view BubblewrapBackend::isolation() const {
  return drops_root() ? "namespaces, system call filter, no network, a host user of its own"
                      : "namespaces, system call filter, no network, the server's own host user";
}

bool BubblewrapBackend::drops_root() const {
  return ::geteuid() == 0;
}

Result<void> BubblewrapBackend::accepts(const VmCreate& spec) const {
  if (spec.image && *spec.image != kDefaultImage)
    return unsupported("images: programs are the host's", "image");
  if (spec.command) return unsupported("start commands of custom agents", "command");
  if (spec.network_mode != NetworkMode::none) return unsupported("network but loopback", "network_mode");
  if (spec.container_port)
    return unsupported("ports on the host: its endpoint is a Unix socket", "container_port");
  return check_environment(spec.env);
}

Result<void> BubblewrapBackend::prepare_files(const SandboxDir& dir, const Record& record) const {
  std::error_code ignored;  // Left by an earlier start; what matters is that they are not there now.
  fs::remove(dir.exit(), ignored);
  fs::remove(dir.pids(), ignored);
  BwrapSources from{config_.runtime, dir.workspace(), dir.broker(), config_.etc};
  if (drops_root()) {
    const fs::path stage(kStageFolder);
    from = {stage / "runtime", stage / "workspace", stage / "broker", stage / "etc"};
    const auto uid = static_cast<uid_t>(config_.uid_base + record.slot);
    if (::lchown(dir.workspace().c_str(), uid, uid) != 0)
      return from_errno(errno, fmt::format("cannot give {} to the sandbox's user", dir.workspace().string()));
  }
  const auto options =
      bwrap_options(from, config_.features, {}, record.vm.limits, sandbox_environment(record));
  return write_atomically(dir.program_options(), options, 0600, Durable::no);
}

std::vector<std::string> BubblewrapBackend::shim_arguments(const SandboxDir& dir, const Record& record,
                                                           const std::vector<fs::path>& groups) const {
  // find_shims() expects --dir first.
  std::vector<std::string> words = {config_.shim.string(), "--dir", dir.root.string(), "--log-bytes",
                                    std::to_string(config_.log_bytes)};
  const auto add = [&](const char* name, const std::string& value) {
    words.emplace_back(name);
    words.push_back(value);
  };
  add("--file-bytes", std::to_string(record.vm.limits.disk_size_gb << 30));
  for (const auto& group : groups) add("--cgroup", group.string());
  if (drops_root()) {
    add("--uid", std::to_string(config_.uid_base + record.slot));
    add("--gid", std::to_string(config_.uid_base + record.slot));
    add("--stage", "runtime=" + config_.runtime.string());
    add("--stage", "workspace=" + dir.workspace().string());
    add("--stage", "broker=" + dir.broker().string());
    add("--stage", "etc=" + config_.etc.string());
  }
  for (const auto& word : {std::string("--"), config_.bwrap.string(), std::string("--args"), std::string("6"),
                           std::string("--"), std::string(kRuntimeInside)})
    words.push_back(word);
  return words;
}

Result<Spawned> BubblewrapBackend::spawn(const SandboxDir& dir, const Record& record) {
  ISA_TRYV(prepare_files(dir, record));
  ISA_TRY(const auto groups, cgroups_.create(dir.id(), record.vm.limits));
  ShimDescriptors inherited;
  ISA_TRY(inherited.listener, listen_unix(dir.agent_socket(), 0600));
  inherited.allowed = Descriptor(filter_.open_allowed());
  inherited.refused_ioctls = Descriptor(filter_.open_refused_ioctls());
  ISA_TRY(const auto shim, start_shim(dir, shim_arguments(dir, record, groups), std::move(inherited)));
  return Spawned{.supervisor = shim};
}

Result<std::optional<ProcessId>> BubblewrapBackend::find(const SandboxDir& dir) {
  const auto shim = read_pids(dir.pids()).shim;
  return shim && is_alive(*shim) ? shim : std::nullopt;
}

VmExit BubblewrapBackend::exit_of(const SandboxDir& dir) {
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

Result<std::string> BubblewrapBackend::logs(const SandboxDir& dir) {
  return read_text(dir.old_log()).value_or("") + read_text(dir.log()).value_or("");
}

Result<void> BubblewrapBackend::kill(const SandboxDir& dir) {
  auto processes = read_pids(dir.pids());
  if (!processes.shim) {  // Killed between its start and its first words.
    if (const auto shims = find_shims(config_.sandboxes))
      for (const auto& shim : *shims)
        if (shim.dir == dir.root) processes.shim = shim.process;
  }
  // The shim first: it knows of a child that has not yet joined its group.
  if (processes.shim) send_signal(*processes.shim, SIGTERM);
  auto status = cgroups_.kill(dir.id());
  if (processes.shim && !wait_until_gone(*processes.shim, kShimPatience) &&
      !kill_and_wait(*processes.shim, kShimPatience) && status)
    status = internal_error("the supervisor of sandbox {} (process {}) does not end although it was killed",
                            dir.id(), processes.shim->pid);
  // Without its shim, and on hosts without control groups, the first process is how to reach all the others.
  // It may have been named since the file was read.
  if (const auto init = read_pids(dir.pids()).init; init && !kill_and_wait(*init, kShimPatience) && status)
    status =
        internal_error("process {} of sandbox {} does not end although it was killed", init->pid, dir.id());
  return status;
}

Result<std::vector<Alive>> BubblewrapBackend::enumerate() {
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
