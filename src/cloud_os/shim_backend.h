// What backends have in common whose sandboxes run on this host under a shim (shim/main.cpp): limits and
// death by control groups where they can be had, files of the shim for the rest.
#pragma once

#include "cloud_os/backend.h"
#include "cloud_os/cgroup.h"

namespace isa::cloud_os {

struct ShimConfig {
  std::filesystem::path
      sandboxes;  // <data>/sandboxes, absolute: the folders of all sandboxes of this server.
  std::filesystem::path shim, runtime;
  std::int64_t log_bytes = 0;
};

class ShimBackend : public Backend {
 public:
  LimitsEnforced enforced() const override { return cgroups_.enforced(); }
  Result<void> accepts(const VmCreate& spec) const override;
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

 protected:
  ShimBackend(ShimConfig config, Cgroups cgroups)
      : config_(std::move(config)), cgroups_(std::move(cgroups)) {}

  // Takes away what an earlier start of the sandbox said of itself.
  static void forget_last_start(const SandboxDir& dir);
  // The shim's command up to what is the backend's own. `groups`: those of Cgroups::create().
  std::vector<std::string> begin_command(const SandboxDir& dir, const Record& record,
                                         const std::vector<std::filesystem::path>& groups) const;

  const ShimConfig& shim_config() const { return config_; }
  const Cgroups& cgroups() const { return cgroups_; }

 private:
  ShimConfig config_;
  Cgroups cgroups_;
};

}  // namespace isa::cloud_os
