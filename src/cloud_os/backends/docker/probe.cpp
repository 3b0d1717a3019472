#include "cloud_os/backends/docker/probe.h"

#include "cloud_os/backends/docker/backend.h"
#include "cloud_os/probe_parts.h"

#include <algorithm>
#include <cstdlib>

#include <unistd.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;
using docker::Engine;

constexpr std::string_view kDefaultSocket = "/var/run/docker.sock";
constexpr std::string_view kUnixScheme = "unix://";

class Prober {
 public:
  Prober(const Settings& settings, const fs::path& data_dir) : settings_(settings), data_dir_(data_dir) {}

  Probe run(Trial trial) && {
    find_engine();
    if (engine_) look_at_engine();
    if (engine_) find_image(trial == Trial::yes);
    prepare_host();
    if (trial == Trial::yes && !probe_.is_hopeless()) try_sandbox();
    if (!probe_.is_hopeless()) probe_.backend = std::make_unique<DockerBackend>(config_, *engine_);
    return std::move(probe_);
  }

 private:
  void find_engine();
  void look_at_engine();
  void look_at_security(const std::vector<std::string>& options);
  void look_at_limits(const docker::Info& info);
  void find_image(bool is_required);
  void prepare_host();
  void try_sandbox();
  Result<void> run_trial();

  const Settings& settings_;
  fs::path data_dir_;
  DockerConfig config_;
  std::optional<Engine> engine_;
  Probe probe_;
};

// The setting, DOCKER_HOST as the engine's other clients read it, or the usual place.
std::string configured_address(const Settings& settings) {
  if (!settings.docker_socket.empty()) return settings.docker_socket;
  const char* host = std::getenv("DOCKER_HOST");
  return host && *host ? host : std::string(kDefaultSocket);
}

void Prober::find_engine() {
  auto address = configured_address(settings_);
  if (address.starts_with(kUnixScheme)) address.erase(0, kUnixScheme.size());
  if (!address.starts_with('/'))
    return probe_.note(
        "docker", false,
        fmt::format(
            "{} is no Unix socket: sandboxes run on an engine of this host; set cloud_os.docker_socket "
            "to its socket",
            address));
  auto engine = Engine::connect(address);
  if (engine) return engine_.emplace(std::move(*engine)), void();
  const bool is_closed = ::access(address.c_str(), F_OK) == 0 && ::access(address.c_str(), W_OK) != 0;
  probe_.note(
      "docker", false,
      fmt::format("{}{}", engine.error().message(),
                  is_closed ? "; join the group that owns the socket (`docker`), or run as root"
                            : "; install and start an engine (on Debian the package `docker.io`), or set "
                              "cloud_os.docker_socket"));
}

void Prober::look_at_engine() {
  const auto info = engine_->info();
  if (!info) {
    engine_.reset();
    return probe_.note("docker", false, info.error().message());
  }
  probe_.note("docker", info->OSType == "linux",
              fmt::format("engine {} at {}, API {}, containers of {}", info->ServerVersion,
                          engine_->socket().string(), engine_->api_version(), info->OSType));
  look_at_security(info->SecurityOptions.value_or(std::vector<std::string>()));
  look_at_limits(*info);
}

void Prober::look_at_security(const std::vector<std::string>& options) {
  const auto has = [&](std::string_view name) {
    return std::ranges::any_of(options, [&](const std::string& one) { return one.starts_with(name); });
  };
  // A sandbox's files are given to its user by number; the engine must mean the same by it.
  if (has("name=userns") || has("name=rootless"))
    probe_.note(
        "docker users", false,
        "the engine maps users to others of the host (userns-remap or rootless), where a sandbox could not "
        "read its "
        "files; run an engine without");
  config_.has_seccomp = has("name=seccomp");
  probe_.note("docker seccomp", config_.has_seccomp,
              config_.has_seccomp
                  ? "containers get isA's system call filter"
                  : "the engine has no system call filter (seccomp): containers share the whole kernel",
              false);
}

void Prober::look_at_limits(const docker::Info& info) {
  config_.enforced.memory_mb = info.MemoryLimit;
  config_.enforced.pids = info.PidsLimit;
  config_.enforced.cpu_count = info.CpuCfsQuota;
  const std::pair<const char*, bool> limits[] = {
      {"memory", info.MemoryLimit}, {"processes", info.PidsLimit}, {"cpu", info.CpuCfsQuota}};
  for (const auto& [name, holds] : limits)
    if (!holds)
      probe_.note("docker limits", false,
                  fmt::format("the limit of {} does not hold: the engine's control groups cannot", name),
                  false);
  if (info.MemoryLimit && info.PidsLimit && info.CpuCfsQuota)
    probe_.note("docker limits", true, "memory, cpu and processes, by the engine", false);
}

void Prober::find_image(bool is_required) {
  config_.image = settings_.docker_image;
  const auto image = engine_->image(config_.image);
  probe_.note(
      "docker image", image.has_value(),
      image ? fmt::format("{} {}", config_.image, image->Id)
            : fmt::format(
                  "the engine has no image {}; build it with `./dev image`, or set cloud_os.docker_image",
                  config_.image),
      is_required);
}

// Made once and kept: the containers that carry it are this data folder's.
Result<std::string> installation_of(const fs::path& data_dir) {
  const auto file = data_dir / "installation";
  if (auto known = read_text(file, 64); known && !known->empty()) return known;
  const auto made = random_hex(16);
  ISA_TRYV(write_atomically(file, made, 0600, Durable::yes));
  return made;
}

void Prober::prepare_host() {
  auto runtime = find_own_program("isa-runtime", settings_.runtime_path, "cloud_os.runtime_path");
  config_.runtime = runtime.path;
  config_.uid_base = settings_.uid_base;
  config_.log_bytes = settings_.log_bytes;
  config_.has_bridge = settings_.bridge_network;
  probe_.findings.push_back(std::move(runtime.finding));
  auto folder = prepare_data_folder(data_dir_);
  if (folder.is_good) {
    auto installation = installation_of(data_dir_);
    if (installation)
      config_.installation = std::move(*installation);
    else
      folder = {"sandbox folder", false, true, installation.error().message()};
  }
  probe_.findings.push_back(std::move(folder));
  probe_.findings.push_back(look_at_user(settings_.uid_base));
}

// The same way as every later sandbox. What it shows besides: that the engine sees the data folder by the
// same path, and processes by the same numbers.
Result<void> Prober::run_trial() {
  const SandboxDir dir{data_dir_ / "trial" / SandboxId::make().value()};
  std::error_code error;
  fs::create_directories(dir.broker(), error);
  fs::create_directories(dir.workspace(), error);
  if (error) return internal_error("cannot make {}", dir.root.string()).with_detail(error.message());
  fs::permissions(dir.root.parent_path(), fs::perms::owner_all, error);
  DockerBackend backend(config_, *engine_);
  const auto spawned = backend.spawn(dir, Record{});
  const auto killed = backend.kill(dir);
  const auto reclaimed = backend.reclaim(dir);
  fs::remove_all(dir.root, error);
  fs::remove(dir.root.parent_path(), error);  // Unless another probe has its own below it.
  if (!spawned) return Failure(spawned.error());
  return killed ? reclaimed : killed;
}

void Prober::try_sandbox() {
  const auto tried = run_trial();
  probe_.note("docker sandbox", tried.has_value(),
              tried ? "a sandbox runs"
                    : fmt::format("a sandbox cannot be started: {} {}", tried.error().message(),
                                  tried.error().detail()));
}

}  // namespace

Probe probe_docker(const Settings& settings, const fs::path& data_dir, Trial trial) {
  return Prober(settings, data_dir).run(trial);
}

}  // namespace isa::cloud_os
