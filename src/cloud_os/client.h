// What other roles ask of cloud_os.
#pragma once

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"
#include "cloud_os/vm.h"

#include <vector>

namespace isa::cloud_os {

// Implemented by the service itself (same process) and by HttpVmClient (another process).
class VmClient {
 public:
  virtual ~VmClient() = default;
  // Creates and starts a sandbox; returns when its runtime answers /health. On failure nothing is left
  // behind.
  virtual Task<Result<Vm>> create(VmCreate spec, Deadline deadline) = 0;
  virtual Task<Result<Vm>> start(SandboxId id, Deadline deadline) = 0;  // A running one: no-op.
  virtual Task<Result<Vm>> stop(SandboxId id) = 0;                      // Keeps the workspace.
  virtual Task<Result<void>> remove(SandboxId id) = 0;                  // Idempotent; nothing of it is left.
  virtual Task<Result<Vm>> find(SandboxId id) = 0;
  // Those whose labels hold all of `labels`.
  virtual Task<Result<std::vector<Vm>>> list(std::map<std::string, std::string> labels) = 0;
  // Its processes stand still and its clocks with them. not_implemented where the backend cannot.
  virtual Task<Result<Vm>> pause(SandboxId id) = 0;
  virtual Task<Result<Vm>> resume(SandboxId id) = 0;
  virtual Task<Result<VmStats>> stats(SandboxId id) = 0;
  // not_found when it has run out meanwhile.
  virtual Task<Result<Vm>> renew(SandboxId id, VmRenew wanted) = 0;
  // From now on the sandbox's broker channel speaks for this identity. Binding again with the same lease
  // changes the allow-list of hosts alone, at once and for open tunnels too; another lease is a conflict: a
  // sandbox serves one lease in its life.
  virtual Task<Result<void>> bind(SandboxId id, VmBinding binding) = 0;
};

}  // namespace isa::cloud_os
