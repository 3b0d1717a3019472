// The backend `docker`: one container per sandbox, on the engine of this host.
//
// The container's first process is the supervisor: it is in this host's table of processes, so it is
// identified and watched like any other. The engine keeps the exit status and the log until reclaim(). A
// container is found by its labels, and counts as the sandbox that was started only while its id and its time
// of start are those that spawn() noted: somebody who restarts it by hand has made another one, which does
// not have the sandbox's channel.
#pragma once

#include "cloud_os/backend.h"
#include "cloud_os/backends/docker/engine.h"

namespace isa::cloud_os {

struct DockerConfig {
  std::string
      installation;   // The mark of this server's containers; another server on the engine has another.
  std::string image;  // Of sandboxes that name none.
  std::filesystem::path runtime;
  std::int64_t uid_base = 0;
  std::int64_t log_bytes = 0;
  LimitsEnforced enforced;
  bool has_seccomp = true;
  bool has_bridge = false;  // Sandboxes may ask for the engine's network.
};

class DockerBackend final : public Backend {
 public:
  DockerBackend(DockerConfig config, docker::Engine engine);

  std::string_view name() const override { return "docker"; }
  std::string_view isolation() const override { return isolation_; }
  LimitsEnforced enforced() const override { return config_.enforced; }
  Capabilities capabilities() const override;
  Result<void> accepts(const VmCreate& spec) const override;
  Result<Spawned> spawn(const SandboxDir& dir, const Record& record) override;
  Result<std::optional<ProcessId>> find(const SandboxDir& dir) override;
  VmExit exit_of(const SandboxDir& dir) override;
  Result<std::string> logs(const SandboxDir& dir) override;
  Result<void> pause(const SandboxDir& dir) override;
  Result<void> resume(const SandboxDir& dir) override;
  Result<VmStats> stats(const SandboxDir& dir) override;
  Result<void> kill(const SandboxDir& dir) override;
  Result<void> reclaim(const SandboxDir& dir) override;
  Result<std::vector<Alive>> enumerate() override;
  void retire() override {}  // Containers share nothing on the host.

 private:
  std::int64_t uid_of(const Record& record) const;
  Result<void> prepare_files(const SandboxDir& dir, const Record& record) const;
  Result<docker::Image> image_of(const Record& record) const;
  // Ids of the sandbox's containers: one, or none.
  Result<std::vector<std::string>> containers_of(const SandboxDir& dir) const;
  Result<std::optional<docker::Container>> container_of(const SandboxDir& dir) const;
  Result<docker::Container> running(const SandboxDir& dir) const;  // not_found when it does not.
  Error ended_early(const SandboxDir& dir);

  DockerConfig config_;
  docker::Engine engine_;
  std::string isolation_;
};

}  // namespace isa::cloud_os
