// The backend `bubblewrap`: namespaces, a read-only root, no network, a system call filter, an unprivileged
// user.
#pragma once

#include "cloud_os/backend.h"
#include "cloud_os/backends/bubblewrap/options.h"
#include "cloud_os/backends/bubblewrap/seccomp_filter.h"
#include "cloud_os/cgroup.h"

namespace isa::cloud_os {

struct BubblewrapConfig {
  std::filesystem::path
      sandboxes;              // <data>/sandboxes, absolute: the folders of all sandboxes of this server.
  std::filesystem::path etc;  // See write_etc().
  std::filesystem::path bwrap, shim, runtime;
  BwrapFeatures features;
  std::int64_t uid_base = 0;
  std::int64_t log_bytes = 0;
};

class BubblewrapBackend final : public Backend {
 public:
  BubblewrapBackend(BubblewrapConfig config, SeccompFilter filter, Cgroups cgroups);

  std::string_view name() const override { return "bubblewrap"; }
  std::string_view isolation() const override;
  LimitsEnforced enforced() const override { return cgroups_.enforced(); }
  Capabilities capabilities() const override { return {.pause = cgroups_.can_freeze()}; }
  Result<void> accepts(const VmCreate& spec) const override;
  Result<Spawned> spawn(const SandboxDir& dir, const Record& record) override;
  Result<std::optional<ProcessId>> find(const SandboxDir& dir) override;
  VmExit exit_of(const SandboxDir& dir) override;
  Result<std::string> logs(const SandboxDir& dir) override;
  Result<void> pause(const SandboxDir& dir) override { return cgroups_.freeze(dir.id()); }
  Result<void> resume(const SandboxDir& dir) override { return cgroups_.thaw(dir.id()); }
  Result<VmStats> stats(const SandboxDir& dir) override { return cgroups_.stats(dir.id()); }
  Result<void> kill(const SandboxDir& dir) override;
  Result<void> reclaim(const SandboxDir& dir) override { return cgroups_.remove(dir.id()); }
  Result<std::vector<Alive>> enumerate() override;
  void retire() override { cgroups_.remove_parents(); }

 private:
  // As root a sandbox is another user of the host; otherwise it is this process's own.
  bool drops_root() const;
  Result<void> prepare_files(const SandboxDir& dir, const Record& record) const;
  std::vector<std::string> shim_arguments(const SandboxDir& dir, const Record& record,
                                          const std::vector<std::filesystem::path>& groups) const;

  BubblewrapConfig config_;
  SeccompFilter filter_;
  Cgroups cgroups_;
};

}  // namespace isa::cloud_os
