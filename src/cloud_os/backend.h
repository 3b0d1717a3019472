// What isolates sandboxes. Each backend is a folder below backends/; the service knows only this.
//
// Every call blocks and runs on a worker thread; calls for different sandboxes may run at the same time,
// calls for one sandbox never do. Everything that takes a sandbox away is idempotent.
#pragma once

#include "cloud_os/process.h"
#include "cloud_os/record.h"

namespace isa::cloud_os {

// What a backend can do beyond what every one can; the same for its whole life.
struct Capabilities {
  bool isolates = true;  // False: what runs in a sandbox can do whatever this process's user can.
  bool pause = false;
  bool snapshot = false;
  bool images = false;          // VmCreate::image
  bool commands = false;        // VmCreate::command
  bool bridge_network = false;  // VmCreate::network_mode
  bool container_port = false;  // VmCreate::container_port
};

// A sandbox as the host shows it.
struct Alive {
  SandboxId id;
  Timestamp since;  // About when it was made.
};

// What came of a spawn.
struct Spawned {
  ProcessId supervisor;  // When it ends, the sandbox has.
  // Of 127.0.0.1, of a sandbox whose program serves a port of its own (Record::serves_itself).
  std::optional<std::int64_t> host_port;
  std::string image;  // What runs, as exactly as the backend can say; empty: nothing but what was asked for.
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::string_view name() const = 0;
  virtual std::string_view isolation() const = 0;  // In words, for people.
  virtual LimitsEnforced enforced() const = 0;
  virtual Capabilities capabilities() const = 0;

  // not_implemented or validation_error, naming the field, for what this backend cannot do. Does not block.
  virtual Result<void> accepts(const VmCreate& spec) const = 0;

  // Starts the sandbox's supervisor, which starts the sandbox. dir.agent_socket() then leads to the runtime
  // in it, or host_port to a program that serves itself. The caller has made the folder with its record and
  // listens on dir.broker_socket(). What a failed spawn leaves is taken away by kill() and reclaim().
  virtual Result<Spawned> spawn(const SandboxDir& dir, const Record& record) = 0;
  // The supervisor of a sandbox that an earlier process started; nothing when it does not run, an error when
  // the host cannot say.
  virtual Result<std::optional<ProcessId>> find(const SandboxDir& dir) = 0;
  // Of a sandbox whose supervisor has ended. To be asked before reclaim().
  virtual VmExit exit_of(const SandboxDir& dir) = 0;
  // The end of what it wrote, also after reclaim().
  virtual Result<std::string> logs(const SandboxDir& dir) = 0;
  // Stops every process of it where it stands, without their notice, and lets them go on. Both are
  // idempotent; not_implemented where capabilities() says so. A paused sandbox can be killed.
  virtual Result<void> pause(const SandboxDir& dir) = 0;
  virtual Result<void> resume(const SandboxDir& dir) = 0;
  // Of a running sandbox, as far as the host counts it; not_found when it does not run.
  virtual Result<VmStats> stats(const SandboxDir& dir) = 0;
  // Returns when no process of it is left.
  virtual Result<void> kill(const SandboxDir& dir) = 0;
  // What the host still holds of a killed sandbox, but for its folder.
  virtual Result<void> reclaim(const SandboxDir& dir) = 0;
  // Whatever of this server's sandboxes exists on the host, known or not. An error when the host cannot say:
  // then nothing may be concluded from what is missing.
  virtual Result<std::vector<Alive>> enumerate() = 0;
  // Takes away what sandboxes share on the host, when there are none any more and none will come.
  virtual void retire() = 0;
};

}  // namespace isa::cloud_os
