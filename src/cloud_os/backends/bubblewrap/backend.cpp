#include "cloud_os/backends/bubblewrap/backend.h"

#include "cloud_os/environment.h"
#include "cloud_os/start_shim.h"
#include "cloud_os/unix_listener.h"

#include <cerrno>

#include <unistd.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

constexpr const char* kStageFolder = "/tmp/isa";  // shim/orders.h

}  // namespace

BubblewrapBackend::BubblewrapBackend(ShimConfig shim, BubblewrapConfig config, SeccompFilter filter,
                                     Cgroups cgroups)
    : ShimBackend(std::move(shim), std::move(cgroups)),
      config_(std::move(config)),
      filter_(std::move(filter)) {}

std::string_view BubblewrapBackend::isolation() const {
  return drops_root() ? "namespaces, system call filter, no network, a host user of its own"
                      : "namespaces, system call filter, no network, the server's own host user";
}

bool BubblewrapBackend::drops_root() const {
  return ::geteuid() == 0;
}

Result<void> BubblewrapBackend::prepare_files(const SandboxDir& dir, const Record& record) const {
  forget_last_start(dir);
  BwrapSources from{shim_config().runtime, dir.workspace(), dir.broker(), config_.etc};
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
  auto words = begin_command(dir, record, groups);
  const auto add = [&](const char* name, const std::string& value) {
    words.emplace_back(name);
    words.push_back(value);
  };
  if (drops_root()) {
    add("--uid", std::to_string(config_.uid_base + record.slot));
    add("--gid", std::to_string(config_.uid_base + record.slot));
    add("--stage", "runtime=" + shim_config().runtime.string());
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
  ISA_TRY(const auto groups, cgroups().create(dir.id(), record.vm.limits));
  ShimDescriptors inherited;
  ISA_TRY(inherited.listener, listen_unix(dir.agent_socket(), 0600));
  inherited.filter.emplace(Descriptor(filter_.open_allowed()), Descriptor(filter_.open_refused_ioctls()));
  ISA_TRY(const auto shim, start_shim(dir, shim_arguments(dir, record, groups), std::move(inherited)));
  return Spawned{.supervisor = shim};
}

}  // namespace isa::cloud_os
