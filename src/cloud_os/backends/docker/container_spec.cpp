#include "cloud_os/backends/docker/container_spec.h"

#include "cloud_os/backends/docker/seccomp_profile.h"
#include "cloud_os/environment.h"

#include <algorithm>

namespace isa::cloud_os::docker {
namespace {

constexpr const char* kRuntimeInside = "/opt/isa/isa-runtime";
constexpr const char* kBrokerInside = "/run/isa";
constexpr std::int64_t kOomScoreAdj = 500;  // When the whole host runs out of memory, sandboxes go first.

json::object bind_mount(const std::filesystem::path& from, std::string_view to, bool is_read_only) {
  // What is missing is an error, not a new folder of root's.
  return {{"Type", "bind"}, {"Source", from.string()}, {"Target", to}, {"ReadOnly", is_read_only}};
}

// What files in memory may hold together with everything else, they may not hold alone.
std::int64_t memory_for_files(const VmLimits& limits) {
  return (limits.memory_mb << 20) / 2;
}

json::array mounts(const SandboxDir& dir, const Record& record, const SpecInput& from) {
  json::array all{bind_mount(dir.workspace(), "/workspace", false),
                  bind_mount(dir.broker(), kBrokerInside, true)};
  if (!record.serves_itself()) {
    all.push_back(bind_mount(from.runtime, kRuntimeInside, true));
    all.push_back(bind_mount(from.passwd, "/etc/passwd", true));
  }
  return all;
}

// Places whose files are memory, and count as the sandbox's: for temporary files, and instead of every volume
// that the image declares, which would be a folder of the engine's that no limit reaches. Programs are built
// and run there, hence exec. They are the sandbox's user's: the engine gives a place the mode that it has in
// the image.
json::object memory_places(const json::array& mounts, const VmLimits& limits, const SpecInput& from) {
  const auto options = fmt::format("rw,exec,nosuid,nodev,mode=1777,uid={0},gid={0},size={1}", from.uid,
                                   memory_for_files(limits));
  json::object places{{"/tmp", options}};
  for (const auto& volume : from.volumes) {
    const bool is_mounted = std::ranges::any_of(
        mounts, [&](const json::value& one) { return one.at("Target").get_string() == volume; });
    if (!is_mounted) places[volume] = options;
  }
  return places;
}

json::array environment(const Record& record) {
  auto env = sandbox_environment(record);
  if (record.serves_itself()) {
    env["SERVICE_PORT"] = std::to_string(port_of(record));
    // Nobody in there forwards an address of its own loopback: the program talks to the broker's socket
    // itself.
    env["ISA_MODEL_URL"] = fmt::format("unix:{}/broker.sock", kBrokerInside);
    env.erase("OPENAI_BASE_URL");
    env.erase("ANTHROPIC_BASE_URL");
  }
  json::array words;
  for (const auto& [name, value] : env) words.emplace_back(name + "=" + value);
  return words;
}

json::object ulimit(std::string_view name, std::int64_t soft, std::int64_t hard) {
  return {{"Name", name}, {"Soft", soft}, {"Hard", hard}};
}

void add_limits(json::object& host, const VmLimits& limits) {
  const auto memory = limits.memory_mb << 20;
  host["Memory"] = memory;
  host["MemorySwap"] = memory;  // The sum of both: no swap.
  host["NanoCpus"] = limits.cpu_count * 1'000'000'000;
  host["PidsLimit"] = limits.pids;
  host["OomScoreAdj"] = kOomScoreAdj;
  // The workspace as a whole is watched; one file alone can never be larger than its limit.
  const auto disk = limits.disk_size_gb << 30;
  host["Ulimits"] =
      json::array{ulimit("nofile", 4096, 16384), ulimit("core", 0, 0), ulimit("fsize", disk, disk)};
  host["ShmSize"] = memory_for_files(limits);
}

void add_isolation(json::object& host, const SpecInput& from) {
  json::array options{"no-new-privileges"};
  if (from.has_seccomp) options.emplace_back("seccomp=" + json::serialize(seccomp_profile()));
  host["CapDrop"] = json::array{"ALL"};
  host["SecurityOpt"] = std::move(options);
  host["ReadonlyRootfs"] = true;
  host["Privileged"] = false;
  host["IpcMode"] = "private";
  host["CgroupnsMode"] = "private";
}

// The port is published for this host's own use only.
void add_network(json::object& spec, json::object& host, const Record& record) {
  host["NetworkMode"] = json::name_of(record.vm.network_mode);
  if (!record.serves_itself()) return;
  const auto key = port_key(port_of(record));
  spec["ExposedPorts"] = json::object{{key, json::object{}}};
  host["PortBindings"] =
      json::object{{key, json::array{json::object{{"HostIp", "127.0.0.1"}, {"HostPort", ""}}}}};
}

void add_program(json::object& spec, json::object& host, const Record& record) {
  const bool is_foreign = record.serves_itself();
  host["Init"] = is_foreign;  // Our runtime reaps by itself.
  if (!is_foreign) {
    spec["Entrypoint"] =
        json::array{kRuntimeInside, "--listener-from", fmt::format("{}/{}", kBrokerInside, kHandoverName)};
    spec["Cmd"] = json::array{};
  } else if (record.command) {  // Otherwise the image's own.
    spec["Entrypoint"] = json::write(*record.command);
    spec["Cmd"] = json::array{};
  }
}

}  // namespace

std::int64_t port_of(const Record& record) {
  return record.container_port.value_or(kDefaultPort);
}

std::string port_key(std::int64_t port) {
  return fmt::format("{}/tcp", port);
}

json::object container_spec(const SandboxDir& dir, const Record& record, const SpecInput& from) {
  json::object spec, host;
  spec["Image"] = from.image;
  spec["User"] = fmt::format("{0}:{0}", from.uid);
  spec["Hostname"] = "sandbox";
  spec["WorkingDir"] = "/workspace";
  spec["Env"] = environment(record);
  spec["Labels"] = json::object{{kSandboxLabel, dir.id()}, {kInstallationLabel, from.installation}};
  spec["StopSignal"] = "SIGKILL";
  auto bound = mounts(dir, record, from);
  host["Tmpfs"] = memory_places(bound, record.vm.limits, from);
  host["Mounts"] = std::move(bound);
  // The status of an ended one must be readable, and who restarts it is cloud_os.
  host["AutoRemove"] = false;
  host["RestartPolicy"] = json::object{{"Name", "no"}};
  host["LogConfig"] =
      json::object{{"Type", "json-file"},
                   {"Config", json::object{{"max-size", std::to_string(from.log_bytes)}, {"max-file", "2"}}}};
  add_program(spec, host, record);
  add_network(spec, host, record);
  add_limits(host, record.vm.limits);
  add_isolation(host, from);
  spec["HostConfig"] = std::move(host);
  return spec;
}

std::string passwd_of(std::int64_t uid) {
  return fmt::format(
      "root:x:0:0:root:/:/usr/sbin/nologin\n"
      "agent:x:{0}:{0}:agent:/workspace:/bin/sh\n"
      "nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
      uid);
}

}  // namespace isa::cloud_os::docker
