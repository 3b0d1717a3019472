// The backend `bubblewrap`: namespaces, a read-only root, no network, a system call filter, an unprivileged
// user.
#pragma once

#include "cloud_os/backends/bubblewrap/options.h"
#include "cloud_os/backends/bubblewrap/seccomp_filter.h"
#include "cloud_os/shim_backend.h"

namespace isa::cloud_os {

struct BubblewrapConfig {
  std::filesystem::path etc;  // See write_etc().
  std::filesystem::path bwrap;
  BwrapFeatures features;
  std::int64_t uid_base = 0;
};

class BubblewrapBackend final : public ShimBackend {
 public:
  BubblewrapBackend(ShimConfig shim, BubblewrapConfig config, SeccompFilter filter, Cgroups cgroups);

  std::string_view name() const override { return "bubblewrap"; }
  std::string_view isolation() const override;
  Capabilities capabilities() const override { return {.pause = cgroups().can_freeze()}; }
  Result<Spawned> spawn(const SandboxDir& dir, const Record& record) override;

 private:
  // As root a sandbox is another user of the host; otherwise it is this process's own.
  bool drops_root() const;
  Result<void> prepare_files(const SandboxDir& dir, const Record& record) const;
  std::vector<std::string> shim_arguments(const SandboxDir& dir, const Record& record,
                                          const std::vector<std::filesystem::path>& groups) const;

  BubblewrapConfig config_;
  SeccompFilter filter_;
};

}  // namespace isa::cloud_os
