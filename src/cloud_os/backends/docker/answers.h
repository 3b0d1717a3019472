// What the Docker Engine answers, as far as sandboxes rely on it. Members are spelled as on the wire. A
// member that is not optional must be there and of its type; the rest of an answer is not looked at.
//
// Source: Docker Engine API v1.41 and newer.
#pragma once

#include "base/json.h"

namespace isa::cloud_os::docker {

// Of every refusal.
struct Refusal {
  using json_ignore_unknown = void;
  std::string message;
};
BOOST_DESCRIBE_STRUCT(Refusal, (), (message))

// GET /info
struct Info {
  using json_ignore_unknown = void;
  std::string ServerVersion;
  std::string OSType;
  bool MemoryLimit = false;
  bool PidsLimit = false;
  bool CpuCfsQuota = false;
  std::optional<std::vector<std::string>> SecurityOptions;  // "name=seccomp,profile=default"
};
BOOST_DESCRIBE_STRUCT(Info, (), (ServerVersion, OSType, MemoryLimit, PidsLimit, CpuCfsQuota, SecurityOptions))

// GET /images/{name}/json
struct ImageConfig {
  using json_ignore_unknown = void;
  std::optional<json::object> Volumes;  // By place; the values say nothing.
};
BOOST_DESCRIBE_STRUCT(ImageConfig, (), (Volumes))
struct Image {
  using json_ignore_unknown = void;
  std::string Id;  // "sha256:..."
  std::optional<ImageConfig> Config;
};
BOOST_DESCRIBE_STRUCT(Image, (), (Id, Config))

// POST /containers/create
struct Created {
  using json_ignore_unknown = void;
  std::string Id;
};
BOOST_DESCRIBE_STRUCT(Created, (), (Id))

// GET /containers/json
struct Summary {
  using json_ignore_unknown = void;
  std::string Id;
  std::int64_t Created = 0;  // Seconds of Unix time.
  std::optional<std::map<std::string, std::string>> Labels;
};
BOOST_DESCRIBE_STRUCT(Summary, (), (Id, Created, Labels))

struct State {
  using json_ignore_unknown = void;
  bool Running = false;  // Also while it is paused.
  bool Paused = false;
  bool OOMKilled = false;
  std::int64_t Pid = 0;  // In the engine's namespace of processes; 0 when it does not run.
  std::int64_t ExitCode = 0;
  std::string StartedAt;  // Year 1 before the first start.
  std::optional<std::string> Error;
};
BOOST_DESCRIBE_STRUCT(State, (), (Running, Paused, OOMKilled, Pid, ExitCode, StartedAt, Error))

struct PortBinding {
  using json_ignore_unknown = void;
  std::string HostIp;
  std::string HostPort;
};
BOOST_DESCRIBE_STRUCT(PortBinding, (), (HostIp, HostPort))

struct NetworkSettings {
  using json_ignore_unknown = void;
  std::optional<std::map<std::string, std::optional<std::vector<PortBinding>>>> Ports;  // "8888/tcp"
};
BOOST_DESCRIBE_STRUCT(NetworkSettings, (), (Ports))

// GET /containers/{id}/json
struct Container {
  using json_ignore_unknown = void;
  std::string Id;
  docker::State State;
  docker::NetworkSettings NetworkSettings;
};
BOOST_DESCRIBE_STRUCT(Container, (), (Id, State, NetworkSettings))

// GET /containers/{id}/stats. Of a container that ended in between the parts are empty objects.
struct CpuUsage {
  using json_ignore_unknown = void;
  std::optional<std::int64_t> total_usage;  // Nanoseconds.
};
BOOST_DESCRIBE_STRUCT(CpuUsage, (), (total_usage))
struct CpuStats {
  using json_ignore_unknown = void;
  std::optional<CpuUsage> cpu_usage;
};
BOOST_DESCRIBE_STRUCT(CpuStats, (), (cpu_usage))
struct MemoryStats {
  using json_ignore_unknown = void;
  std::optional<std::int64_t> usage;
  std::optional<std::int64_t> max_usage;  // Control groups of version 1 only.
};
BOOST_DESCRIBE_STRUCT(MemoryStats, (), (usage, max_usage))
struct PidsStats {
  using json_ignore_unknown = void;
  std::optional<std::int64_t> current;
};
BOOST_DESCRIBE_STRUCT(PidsStats, (), (current))
struct Stats {
  using json_ignore_unknown = void;
  std::optional<CpuStats> cpu_stats;
  std::optional<MemoryStats> memory_stats;
  std::optional<PidsStats> pids_stats;
};
BOOST_DESCRIBE_STRUCT(Stats, (), (cpu_stats, memory_stats, pids_stats))

}  // namespace isa::cloud_os::docker
