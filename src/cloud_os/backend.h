// What isolates sandboxes. Each backend is a folder below backends/; the service knows only this.
//
// Every call blocks and runs on a worker thread; calls for different sandboxes may run at the same time,
// calls for one sandbox never do. Everything that takes a sandbox away is idempotent.
#pragma once

#include "cloud_os/process.h"
#include "cloud_os/record.h"

namespace isa::cloud_os {

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view isolation() const = 0;  // In words, for people.
  virtual LimitsEnforced enforced() const = 0;

  // not_implemented or validation_error, naming the field, for what this backend cannot do. Does not block.
  virtual Result<void> accepts(const VmCreate& spec) const = 0;

  // Starts the sandbox's supervisor, which starts the sandbox, and returns the supervisor: when it ends, the
  // sandbox has. dir.agent_socket() then leads to whoever accepts on descriptor 3 in the sandbox. The caller
  // has made the folder with its record and listens on dir.broker_socket().
  virtual Result<ProcessId> spawn(const SandboxDir& dir, const Record& record) = 0;
  // The supervisor of a sandbox that an earlier process started; nothing when it does not run.
  virtual std::optional<ProcessId> find(const SandboxDir& dir) = 0;
  // Of a sandbox whose supervisor has ended. To be asked before reclaim().
  virtual VmExit exit_of(const SandboxDir& dir) = 0;
  // Returns when no process of it is left.
  virtual Result<void> kill(const SandboxDir& dir) = 0;
  // What the host still holds of a killed sandbox, but for its folder.
  virtual Result<void> reclaim(const SandboxDir& dir) = 0;
  // Whatever of this server's sandboxes exists on the host, known or not.
  virtual std::vector<SandboxId> enumerate() = 0;
  // Takes away what sandboxes share on the host, when there are none any more and none will come.
  virtual void retire() = 0;
};

}  // namespace isa::cloud_os
