#include "cloud_os/backends/docker/backend.h"

#include "cloud_os/backends/docker/container_process.h"
#include "cloud_os/backends/docker/container_spec.h"
#include "cloud_os/backends/docker/listener_handover.h"
#include "cloud_os/environment.h"
#include "cloud_os/unix_listener.h"

#include <cerrno>
#include <charconv>

#include <signal.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;
using docker::Container;

constexpr auto kHandoverPatience = std::chrono::seconds(15);
constexpr auto kEndPatience = std::chrono::seconds(10);
constexpr std::int64_t kFirstSignalCode = 128;

Result<std::int64_t> published_port(const Container& container, std::int64_t port) {
  const auto& ports = container.NetworkSettings.Ports;
  const auto found = ports ? ports->find(docker::port_key(port)) : decltype(ports->begin()){};
  std::int64_t number = 0;
  if (ports && found != ports->end() && found->second && !found->second->empty()) {
    const std::string& text = found->second->front().HostPort;
    std::from_chars(text.data(), text.data() + text.size(), number);
  }
  if (number > 0 && number < 65536) return number;
  return upstream_error("the Docker engine names no port of this host for port {} of the container", port);
}

struct Channel {
  Descriptor listener;
  docker::ListenerHandover handover;
};

// Before the container is: nobody ever finds the door closed.
Result<std::optional<Channel>> open_channel(const SandboxDir& dir, const Record& record) {
  if (record.serves_itself()) return std::nullopt;
  ISA_TRY(auto listener, listen_unix(dir.agent_socket(), 0600));
  ISA_TRY(auto handover, docker::ListenerHandover::open(dir.broker() / docker::kHandoverName));
  return Channel{std::move(listener), std::move(handover)};
}

// What spawn() notes and find() compares.
std::string mark_of(const Container& container) {
  return container.Id + " " + container.State.StartedAt + "\n";
}

VmExit exit_from(const docker::State& state) {
  VmExit exit;
  if (state.ExitCode > kFirstSignalCode) {
    exit.signal = state.ExitCode - kFirstSignalCode;
    exit.reason = exit.signal == SIGKILL && state.OOMKilled ? "out of memory" : "killed";
  } else {
    exit.code = state.ExitCode;
    exit.reason = "exited";
  }
  return exit;
}

}  // namespace

DockerBackend::DockerBackend(DockerConfig config, docker::Engine engine)
    : config_(std::move(config)), engine_(std::move(engine)) {
  isolation_ = fmt::format("a container: namespaces, {}no capabilities, read-only root, {}",
                           config_.has_seccomp ? "system call filter, " : "",
                           ::geteuid() == 0 ? "a host user of its own" : "the server's own host user");
}

// As root a sandbox is another user of the host; otherwise this process's own, which owns the workspace.
std::int64_t DockerBackend::uid_of(const Record& record) const {
  return ::geteuid() == 0 ? config_.uid_base + record.slot : ::geteuid();
}

Capabilities DockerBackend::capabilities() const {
  Capabilities can;
  can.pause = can.images = true;
  can.bridge_network = can.commands = can.container_port = config_.has_bridge;
  return can;
}

Result<void> DockerBackend::accepts(const VmCreate& spec) const {
  const bool serves_itself = spec.command || spec.container_port;
  if (spec.command && spec.command->empty())
    return validation_error("a command has at least one word").with_param("/command");
  if (serves_itself && spec.network_mode != NetworkMode::bridge)
    return validation_error(
               "a program that serves a port of its own is reached over the network of its container: set "
               "network_mode to bridge")
        .with_param("/network_mode");
  if (spec.network_mode != NetworkMode::none && !config_.has_bridge)
    return not_implemented(
               "sandboxes have no network but their broker here; whoever runs this server can allow them the "
               "Docker "
               "engine's, past every allow-list, by cloud_os.bridge_network=true")
        .with_param("/network_mode");
  return check_environment(spec.env);
}

Result<void> DockerBackend::prepare_files(const SandboxDir& dir, const Record& record) const {
  const auto uid = static_cast<uid_t>(uid_of(record));
  if (::lchown(dir.workspace().c_str(), uid, uid) != 0)
    return from_errno(errno, fmt::format("cannot give {} to the sandbox's user", dir.workspace().string()));
  std::error_code ignored;  // Left by an earlier start; what matters is that it is not there now.
  fs::remove(dir.container(), ignored);
  return write_atomically(dir.passwd(), docker::passwd_of(uid_of(record)), 0644, Durable::no);
}

Result<docker::Image> DockerBackend::image_of(const Record& record) const {
  const auto reference = record.image.value_or(config_.image);
  auto image = engine_.image(reference);
  if (!image && image.error().kind() == ErrorKind::not_found)
    return failed_dependency("the Docker engine has no image {}; {}", reference,
                             record.image ? fmt::format("fetch it with `docker pull {}`", reference)
                                          : "build it with `./dev image`");
  return image;
}

Result<Spawned> DockerBackend::spawn(const SandboxDir& dir, const Record& record) {
  ISA_TRY(const auto image, image_of(record));
  ISA_TRYV(reclaim(dir));  // Of an earlier start; its name would be taken.
  ISA_TRYV(prepare_files(dir, record));
  docker::SpecInput from{.image = image.Id,
                         .installation = config_.installation,
                         .runtime = config_.runtime,
                         .passwd = dir.passwd(),
                         .uid = uid_of(record),
                         .log_bytes = config_.log_bytes,
                         .has_seccomp = config_.has_seccomp,
                         .volumes = {}};
  if (image.Config && image.Config->Volumes)
    for (const auto& volume : *image.Config->Volumes) from.volumes.emplace_back(volume.key());
  ISA_TRY(auto channel, open_channel(dir, record));
  ISA_TRY(const auto id, engine_.create("isa-" + dir.id(), docker::container_spec(dir, record, from)));
  ISA_TRYV(engine_.start(id));
  ISA_TRY(const auto container, engine_.inspect(id));
  const auto process = docker::first_process(container);
  if (!process) return ended_early(dir);
  ISA_TRYV(write_atomically(dir.container(), mark_of(container), 0600, Durable::no));
  Spawned spawned;
  spawned.supervisor = *process;
  spawned.image = fmt::format("{} {}", record.image.value_or(config_.image), image.Id);
  if (!channel) {
    ISA_TRY(spawned.host_port, published_port(container, docker::port_of(record)));
    return spawned;
  }
  const auto given =
      channel->handover.give(std::move(channel->listener), *process, Deadline::after(kHandoverPatience));
  if (!given && given.error().kind() == ErrorKind::conflict) return ended_early(dir);
  if (!given) return Failure(given.error());
  return spawned;
}

// Of a container that was started and is over, or is nowhere to be seen.
Error DockerBackend::ended_early(const SandboxDir& dir) {
  const auto exit = exit_of(dir);
  return internal_error("sandbox {} ended before it was ready: {}{}", dir.id(), exit.reason,
                        exit.code ? fmt::format(" with code {}", *exit.code) : "")
      .with_detail(logs(dir).value_or(""));
}

Result<std::vector<std::string>> DockerBackend::containers_of(const SandboxDir& dir) const {
  ISA_TRY(const auto found, engine_.list({{docker::kInstallationLabel, config_.installation},
                                          {docker::kSandboxLabel, dir.id()}}));
  std::vector<std::string> ids;
  for (const auto& one : found) ids.push_back(one.Id);
  return ids;
}

Result<std::optional<Container>> DockerBackend::container_of(const SandboxDir& dir) const {
  ISA_TRY(const auto ids, containers_of(dir));
  if (ids.empty()) return std::nullopt;
  ISA_TRY(auto container, engine_.inspect(ids.front()));
  return container;
}

Result<std::optional<ProcessId>> DockerBackend::find(const SandboxDir& dir) {
  ISA_TRY(const auto container, container_of(dir));
  if (!container || read_text(dir.container()).value_or("") != mark_of(*container)) return std::nullopt;
  return docker::first_process(*container);
}

VmExit DockerBackend::exit_of(const SandboxDir& dir) {
  auto container = container_of(dir);
  // The engine learns of an end a little later than who watches the process.
  if (container && *container && (*container)->State.Running) {
    std::ignore = engine_.await_end((*container)->Id, Deadline::after(kEndPatience));
    container = container_of(dir);
  }
  if (container && *container && !(*container)->State.Running) return exit_from((*container)->State);
  VmExit exit;
  exit.reason = !container ? "lost: " + container.error().message()
                : !*container
                    ? "lost: its container is gone"
                    : "lost: the Docker engine says that it runs, and this host has no such process; isA and "
                      "the engine must share their processes (`pid: host` where isA is in a container)";
  return exit;
}

Result<std::string> DockerBackend::logs(const SandboxDir& dir) {
  const auto max = static_cast<std::size_t>(config_.log_bytes);
  auto text = read_text(dir.log()).value_or("");  // Of earlier containers of this sandbox.
  ISA_TRY(const auto ids, containers_of(dir));
  for (const auto& id : ids) {
    ISA_TRY(const auto more, engine_.logs(id, max));
    text += more;
  }
  if (text.size() > max) text.erase(0, text.size() - max);
  return text;
}

Result<Container> DockerBackend::running(const SandboxDir& dir) const {
  ISA_TRY(auto container, container_of(dir));
  if (container && container->State.Running) return std::move(*container);
  return not_found("sandbox {} does not run", dir.id());
}

Result<void> DockerBackend::pause(const SandboxDir& dir) {
  ISA_TRY(const auto container, running(dir));
  return container.State.Paused ? ok() : engine_.pause(container.Id);
}

Result<void> DockerBackend::resume(const SandboxDir& dir) {
  ISA_TRY(const auto container, running(dir));
  return container.State.Paused ? engine_.resume(container.Id) : ok();
}

Result<VmStats> DockerBackend::stats(const SandboxDir& dir) {
  ISA_TRY(const auto container, running(dir));
  ISA_TRY(const auto counted, engine_.stats(container.Id));
  VmStats stats;
  if (counted.memory_stats) {
    stats.memory_bytes = counted.memory_stats->usage;
    stats.memory_peak_bytes = counted.memory_stats->max_usage;
  }
  const auto cpu = counted.cpu_stats ? counted.cpu_stats->cpu_usage : std::nullopt;
  if (cpu && cpu->total_usage) stats.cpu_time_ms = *cpu->total_usage / 1'000'000;
  if (counted.pids_stats) stats.processes = counted.pids_stats->current;
  return stats;
}

Result<void> DockerBackend::kill(const SandboxDir& dir) {
  ISA_TRY(const auto ids, containers_of(dir));
  Result<void> status = ok();
  for (const auto& id : ids) {
    auto killed = engine_.kill(id);
    if (killed) killed = engine_.await_end(id, Deadline::after(kEndPatience));
    if (!killed && status) status = std::move(killed);
  }
  return status;
}

Result<void> DockerBackend::reclaim(const SandboxDir& dir) {
  ISA_TRY(const auto ids, containers_of(dir));
  if (ids.empty()) return ok();
  // A stopped sandbox still has a log. One whose folder is gone needs none.
  std::error_code error;
  if (const auto text = logs(dir); text && fs::exists(dir.root, error))
    ISA_TRYV(write_atomically(dir.log(), *text, 0600, Durable::no));
  Result<void> status = ok();
  for (const auto& id : ids)
    if (auto removed = engine_.remove(id); !removed && status) status = std::move(removed);
  return status;
}

Result<std::vector<Alive>> DockerBackend::enumerate() {
  ISA_TRY(const auto found, engine_.list({{docker::kInstallationLabel, config_.installation}}));
  std::vector<Alive> alive;
  for (const auto& one : found) {
    const auto labels = one.Labels.value_or(std::map<std::string, std::string>());
    if (const auto label = labels.find(docker::kSandboxLabel); label != labels.end())
      alive.push_back({SandboxId(label->second), from_millis(one.Created * 1000)});
  }
  return alive;
}

}  // namespace isa::cloud_os
