#include "cloud_os/backends/process/probe.h"

#include "cloud_os/backends/process/backend.h"
#include "cloud_os/shim_probe.h"

#include <unistd.h>

namespace isa::cloud_os {
namespace {

Finding look_at_consent(const Settings& settings) {
  if (settings.insecure_no_isolation)
    return {"isolation", false, false,
            "none: whatever an agent runs can read, change and reach what this process's user can"};
  return {"isolation", false, true,
          "the backend process isolates nothing: whatever an agent runs can read, change and reach what this "
          "process's user can. Choose bubblewrap or docker; or, where neither can be had and that user has "
          "nothing to lose, start with --insecure-no-isolation (cloud_os.insecure_no_isolation=true)"};
}

Finding look_at_privilege() {
  if (::geteuid() != 0) return {"user", true, true, "not root"};
  return {
      "user", false, true,
      "without isolation every agent would be root of this machine; run the platform as an ordinary user, "
      "with a data folder of its own"};
}

Finding try_sandbox(const ShimConfig& config, const std::filesystem::path& data_dir) {
  ProcessBackend backend(for_trial(config, data_dir), Cgroups({}));
  const auto tried = try_once(backend, data_dir);
  return {"sandbox", tried.has_value(), true,
          tried ? "one runs" : fmt::format("none can be started: {}", tried.error().message())};
}

}  // namespace

Probe probe_process(const Settings& settings, const std::filesystem::path& data_dir, Trial trial) {
  Probe probe;
  auto& findings = probe.findings;
  const auto add = [&findings](std::vector<Finding> more) {
    for (auto& one : more) findings.push_back(std::move(one));
  };
  // What is only looked after runs already.
  if (trial == Trial::yes) add({look_at_consent(settings), look_at_privilege()});
  auto shim = look_at_shim(settings, data_dir);
  add(std::move(shim.findings));
  add({prepare_data_folder(data_dir)});
  if (trial == Trial::yes && !probe.is_hopeless()) add({try_sandbox(shim.config, data_dir)});
  auto limits = find_limits(data_dir);
  add(std::move(limits.findings));
  if (!probe.is_hopeless())
    probe.backend = std::make_unique<ProcessBackend>(std::move(shim.config), std::move(limits.cgroups));
  return probe;
}

}  // namespace isa::cloud_os
