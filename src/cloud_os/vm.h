// A sandbox ("VM") as the API shows it (design: api.md, "cloud_os").
#pragma once

#include "base/identity.h"
#include "base/json.h"
#include "sdk/chat.h"

#include <map>
#include <optional>
#include <string>

namespace isa::cloud_os {

enum class VmStatus { creating, running, stopped, paused, failed, deleted };
BOOST_DESCRIBE_ENUM(VmStatus, creating, running, stopped, paused, failed, deleted)
enum class NetworkMode { none, bridge };
BOOST_DESCRIBE_ENUM(NetworkMode, none, bridge)

struct VmLimits {
  using json_defaults = void;
  std::int64_t cpu_count = 2;     // 1-8
  std::int64_t memory_mb = 512;   // 64-16384
  std::int64_t disk_size_gb = 1;  // 1-100
  std::int64_t pids = 256;        // 8-32768
};
BOOST_DESCRIBE_STRUCT(VmLimits, (), (cpu_count, memory_mb, disk_size_gb, pids))

// Which limits the host really enforces; what is false is wished for only.
struct LimitsEnforced {
  using json_defaults = void;
  bool cpu_count = false;
  bool memory_mb = false;
  bool disk_size_gb = false;  // At every moment: a write beyond it fails.
  // The use is measured every few seconds and the sandbox stopped when it is over the limit; one file can
  // never be larger than it. What was deleted and is still open is not seen.
  bool disk_watched = false;
  bool pids = false;
};
BOOST_DESCRIBE_STRUCT(LimitsEnforced, (), (cpu_count, memory_mb, disk_size_gb, disk_watched, pids))

// What a sandbox uses now. What the host does not count is left out.
struct VmStats {
  using json_defaults = void;
  std::optional<std::int64_t> memory_bytes;  // With the page cache and the tmpfs that count as its own.
  std::optional<std::int64_t> memory_peak_bytes;
  std::optional<std::int64_t> cpu_time_ms;  // Of all its processes since it was started.
  std::optional<std::int64_t> processes;    // Threads count, as they do for limits.pids.
  std::optional<std::int64_t> disk_bytes;   // Of its writable places; at disk_measured_at.
  std::optional<Timestamp> disk_measured_at;
};
BOOST_DESCRIBE_STRUCT(VmStats, (),
                      (memory_bytes, memory_peak_bytes, cpu_time_ms, processes, disk_bytes, disk_measured_at))

struct VmEndpoint {
  std::optional<std::string> unix_;  // Path of the socket that the sandbox's runtime serves.
  std::optional<std::string> host;
  std::optional<std::int64_t> port;
};
BOOST_DESCRIBE_STRUCT(VmEndpoint, (), (unix_, host, port))

struct VmExit {
  std::optional<std::int64_t> code;
  std::optional<std::int64_t> signal;
  std::string reason;  // "exited", "killed", "out of memory", "lost: ..."
};
BOOST_DESCRIBE_STRUCT(VmExit, (), (code, signal, reason))

struct Vm {
  SandboxId vm_id;
  VmStatus status = VmStatus::creating;
  std::string backend;
  std::string isolation;  // In words, for people: "namespaces + seccomp".
  std::string image;
  VmLimits limits;
  LimitsEnforced limits_enforced;
  NetworkMode network_mode = NetworkMode::none;
  std::optional<VmEndpoint> endpoint;
  std::map<std::string, std::string> labels;
  std::optional<UserId> user_id;
  Timestamp created_at;
  std::optional<Timestamp> started_at;
  std::optional<Timestamp> expires_at;         // Then it is removed. While it is paused, no clock runs.
  std::optional<std::int64_t> idle_timeout_s;  // Unused for so long, it is removed.
  std::optional<VmExit> exit;
};
BOOST_DESCRIBE_STRUCT(Vm, (),
                      (vm_id, status, backend, isolation, image, limits, limits_enforced, network_mode,
                       endpoint, labels, user_id, created_at, started_at, expires_at, idle_timeout_s, exit))

inline constexpr const char* kDefaultImage = "default";  // The backend's own.

struct VmCreate {
  using json_defaults = void;
  std::optional<std::string> image;                 // None: kDefaultImage.
  std::optional<std::vector<std::string>> command;  // None: the built-in agent runtime.
  std::map<std::string, std::string> env;
  VmLimits limits;
  std::optional<std::int64_t> container_port;
  NetworkMode network_mode = NetworkMode::none;
  std::vector<std::string> egress;
  std::map<std::string, std::string> labels;
  std::optional<UserId> user_id;
  std::optional<std::int64_t> timeout_s;       // After so long it is removed, however it is used.
  std::optional<std::int64_t> idle_timeout_s;  // And so long after its last use: exec, files, the broker.
};
BOOST_DESCRIBE_STRUCT(VmCreate, (),
                      (image, command, env, limits, container_port, network_mode, egress, labels, user_id,
                       timeout_s, idle_timeout_s))

// What is absent stays as it is. Renewing counts as use.
struct VmRenew {
  std::optional<std::int64_t> timeout_s;  // From now on.
  std::optional<std::int64_t> idle_timeout_s;
};
BOOST_DESCRIBE_STRUCT(VmRenew, (), (timeout_s, idle_timeout_s))

// Whom a sandbox's broker channel speaks for, from the claim on. An unbound sandbox gets 403 from its broker.
struct VmBinding {
  std::string lease_id;
  UserId user_id;
  std::optional<OrgId> org_id;
  std::optional<std::string> agent_config_id;
  std::string session_id;
  std::optional<std::vector<std::string>> egress;  // Allowed besides what the sandbox was created with.
};
BOOST_DESCRIBE_STRUCT(VmBinding, (), (lease_id, user_id, org_id, agent_config_id, session_id, egress))

// What the run that is on in a sandbox may ask of models: its agent and every program there together.
struct VmAllowance {
  using json_defaults = void;
  RunId run_id;
  std::optional<std::int64_t> max_tokens;  // Input and output, `before` included.
  std::optional<Usd> max_usd;              // Likewise.
  std::optional<Timestamp> until;
  sdk::Usage before;  // Used up elsewhere, or in parts of the run that are over.

  bool is_limited() const { return max_tokens || max_usd || until; }
};
BOOST_DESCRIBE_STRUCT(VmAllowance, (), (run_id, max_tokens, max_usd, until, before))

// What was asked of models through a sandbox's broker, by whatever runs in it.
struct VmModelUse {
  using json_defaults = void;
  sdk::Usage usage;
  std::int64_t calls = 0;
  std::int64_t unknown_calls = 0;  // Of those: left before they said what they used, or not over yet.
  std::int64_t refused_calls = 0;
  std::optional<std::string> limit;  // Which one is met: max_tokens, max_usd or max_seconds,
  std::string problem;               // in words.
};
BOOST_DESCRIBE_STRUCT(VmModelUse, (), (usage, calls, unknown_calls, refused_calls, limit, problem))

}  // namespace isa::cloud_os
