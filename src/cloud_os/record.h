// The row of one sandbox: <data>/sandboxes/<vm_id>/record.json, and the names of what lies beside it.
#pragma once

#include "base/result.h"
#include "cloud_os/allowance.h"
#include "cloud_os/vm.h"

#include <filesystem>

namespace isa::cloud_os {

// Where everything of one sandbox is. Removing the folder removes the sandbox from the store.
struct SandboxDir {
  std::filesystem::path root;

  std::string id() const { return root.filename().string(); }
  std::filesystem::path record() const { return root / "record.json"; }
  std::filesystem::path agent_socket() const { return root / "agent.sock"; }  // Outside of every mount.
  std::filesystem::path broker() const { return root / "broker"; }  // Mounted read-only at /run/isa.
  std::filesystem::path broker_socket() const { return broker() / "broker.sock"; }
  std::filesystem::path workspace() const { return root / "workspace"; }  // Mounted at /workspace.
  std::filesystem::path program_options() const { return root / "bwrap.args"; }
  std::filesystem::path environment() const { return root / "environment"; }  // Of process.
  std::filesystem::path pids() const { return root / "pids"; }  // Written by the shim, like the next three.
  std::filesystem::path container() const {
    return root / "container";
  }  // Of docker: the one that was started.
  std::filesystem::path passwd() const { return root / "passwd"; }  // Of docker: mounted at /etc/passwd.
  std::filesystem::path exit() const { return root / "exit"; }
  std::filesystem::path log() const { return root / "log"; }
  std::filesystem::path old_log() const { return root / "log.old"; }
};

struct Record {
  using json_defaults = void;
  using json_ignore_unknown = void;  // Written by a newer version, perhaps.

  Vm vm;                  // status `deleted`: the deletion was begun and must be finished.
  std::int64_t slot = 0;  // Host uid: uid_base + slot. One per live sandbox.
  std::map<std::string, std::string> env;
  std::optional<std::string> image;  // As asked for; vm.image says what runs.
  std::optional<std::vector<std::string>> command;
  std::optional<std::int64_t> container_port;
  std::vector<std::string> egress;  // Allowed whoever it is bound to.
  std::string placeholder_key;      // What stands in API-key variables; worth nothing anywhere.
  Timestamp used_at;                // Of the last use, to about an eighth of the idle timeout.
  std::optional<Timestamp> paused_at;
  std::optional<VmBinding> binding;
  std::optional<Allotment> allotment;

  // A program that serves HTTP on a port of its own, instead of the runtime on the agent channel.
  bool serves_itself() const { return command || container_port; }
};
BOOST_DESCRIBE_STRUCT(Record, (),
                      (vm, slot, env, image, command, container_port, egress, placeholder_key, used_at,
                       paused_at, binding, allotment))

// Whether the host may hold anything of a sandbox with that status.
inline bool may_run(VmStatus status) {
  return status != VmStatus::stopped && status != VmStatus::failed;
}

// These block. A save replaces the whole file atomically. What must be known after the host itself crashed is
// on disk when it returns: a sandbox on its way in or out is not, because nothing of it is to be kept.
Result<void> save(const SandboxDir& dir, const Record& record);
Result<Record> load(const SandboxDir& dir);  // not_found: no record. internal_error: unreadable.

Result<std::string> read_text(const std::filesystem::path& path, std::size_t max = 4 << 20);
enum class Durable { no, yes };
Result<void> write_atomically(const std::filesystem::path& path, std::string_view text, int mode,
                              Durable durable);

}  // namespace isa::cloud_os
