// The backend `process`: nothing isolates. A sandbox is isa-runtime and what it starts, as ordinary processes
// of this process's own user, on its network and with all of its files; only their lives, their folder and,
// where control groups can be had, their limits are looked after. For machines that can do nothing better.
#pragma once

#include "cloud_os/shim_backend.h"

namespace isa::cloud_os {

class ProcessBackend final : public ShimBackend {
 public:
  ProcessBackend(ShimConfig config, Cgroups cgroups) : ShimBackend(std::move(config), std::move(cgroups)) {}

  std::string_view name() const override { return "process"; }
  std::string_view isolation() const override {
    return "none: its programs can read, change and reach whatever the server's own user can";
  }
  Capabilities capabilities() const override { return {.isolates = false, .pause = cgroups().can_freeze()}; }
  Result<Spawned> spawn(const SandboxDir& dir, const Record& record) override;
};

}  // namespace isa::cloud_os
