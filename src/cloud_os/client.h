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
  // From now on the sandbox's calls of models count for this run, and are refused when its limits are met.
  // For the run that has one already: what it used here stays, limits and `before` change. Without limits:
  // whatever was set is gone. conflict when the sandbox does not run.
  virtual Task<Result<void>> allow(SandboxId id, VmAllowance allowance) = 0;
  // The run is over, or waits: what was used here since allow(), or since the last settle(). Where it had
  // limits, whatever it left running is refused until the next allow(), and settling again says the same.
  // conflict when the allowance is another run's.
  virtual Task<Result<VmModelUse>> settle(SandboxId id, RunId run) = 0;
};

}  // namespace isa::cloud_os
