#include "cloud_os/backends/bubblewrap/probe.h"

#include "cloud_os/backends/bubblewrap/backend.h"
#include "cloud_os/command.h"
#include "cloud_os/shim_probe.h"

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

class Prober {
 public:
  Prober(const Settings& settings, const fs::path& data_dir)
      : settings_(settings), data_dir_(fs::absolute(data_dir)) {}

  Probe run(Trial trial) && {
    find_bwrap();
    prepare_shim();
    prepare_folders();
    compile_filter();
    if (trial == Trial::yes && !probe_.is_hopeless()) try_sandbox();
    look_at_limits();
    probe_.findings.push_back(look_at_user(settings_.uid_base));
    if (!probe_.is_hopeless())
      probe_.backend =
          std::make_unique<BubblewrapBackend>(shim_, config_, std::move(*filter_), std::move(*cgroups_));
    return std::move(probe_);
  }

 private:
  void find_bwrap();
  void prepare_shim();
  void prepare_folders();
  void compile_filter();
  void try_sandbox();
  Result<void> run_trial();
  void look_at_limits();

  const Settings& settings_;
  fs::path data_dir_;
  ShimConfig shim_;
  BubblewrapConfig config_;
  std::optional<SeccompFilter> filter_;
  std::optional<Cgroups> cgroups_;
  Probe probe_;
};

void Prober::find_bwrap() {
  const auto found = find_program("bwrap");
  if (!found)
    return probe_.note("bubblewrap", false,
                       "the program bwrap is not in PATH; install the package `bubblewrap`");
  const auto version = run_command({found->string(), "--version"});
  const auto help = run_command({found->string(), "--help"});
  if (!version || !help)
    return probe_.note("bubblewrap", false, fmt::format("{} does not run", found->string()));
  const auto has = [&](std::string_view option) { return help->find(option) != std::string::npos; };
  config_.bwrap = *found;
  config_.features = {has("--size "), has("--disable-userns "), has("--add-seccomp-fd ")};
  const bool is_recent = has("--clearenv") && has("--perms");
  probe_.note("bubblewrap", is_recent,
              fmt::format("{}{}", version->substr(0, version->find('\n')),
                          is_recent ? "" : "; version 0.5 or newer is needed"));
}

void Prober::prepare_shim() {
  auto [config, findings] = look_at_shim(settings_, data_dir_);
  shim_ = std::move(config);
  for (auto& one : findings) probe_.findings.push_back(std::move(one));
}

void Prober::prepare_folders() {
  config_.etc = data_dir_ / "sandbox-etc";
  config_.uid_base = settings_.uid_base;
  auto folder = prepare_data_folder(data_dir_);
  if (const auto etc = write_etc(config_.etc); folder.is_good && !etc)
    folder = {"sandbox folder", false, true,
              fmt::format("{} cannot be written: {}", data_dir_.string(), etc.error().message())};
  probe_.findings.push_back(std::move(folder));
}

void Prober::compile_filter() {
  auto filter = SeccompFilter::compile();
  probe_.note("seccomp", filter.has_value(),
              filter ? "the system call filter is built" : filter.error().message());
  if (filter) filter_.emplace(std::move(*filter));
}

Result<void> Prober::run_trial() {
  ISA_TRY(auto filter, SeccompFilter::compile());
  BubblewrapBackend backend(for_trial(shim_, data_dir_), config_, std::move(filter), Cgroups({}));
  return try_once(backend, data_dir_);
}

void Prober::try_sandbox() {
  auto tried = run_trial();
  if (!tried && config_.features.disable_userns) {
    config_.features.disable_userns =
        false;  // Wants a writable /proc/sys; the filter refuses namespaces as well.
    tried = run_trial();
  }
  if (tried) return probe_.note("namespaces", true, "a sandbox runs");
  probe_.note(
      "namespaces", false,
      fmt::format("a sandbox cannot be started: {}. Unprivileged user namespaces must be allowed: "
                  "sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 on Debian, "
                  "kernel.apparmor_restrict_unprivileged_userns=0 (or a profile for bwrap) on Ubuntu; in a "
                  "container, "
                  "--security-opt seccomp=unconfined",
                  tried.error().message()));
}

void Prober::look_at_limits() {
  auto found = find_limits(data_dir_);
  cgroups_ = std::move(found.cgroups);
  for (auto& one : found.findings) probe_.findings.push_back(std::move(one));
}

}  // namespace

Probe probe_bubblewrap(const Settings& settings, const fs::path& data_dir, Trial trial) {
  return Prober(settings, data_dir).run(trial);
}

}  // namespace isa::cloud_os
