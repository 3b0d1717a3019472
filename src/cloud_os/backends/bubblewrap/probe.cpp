#include "cloud_os/backends/bubblewrap/probe.h"

#include "cloud_os/backends/bubblewrap/backend.h"
#include "cloud_os/command.h"
#include "cloud_os/probe_parts.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

constexpr auto kTrialPatience = std::chrono::seconds(10);
constexpr const char* kTrialProgram = "/usr/bin/true";

class Prober {
 public:
  Prober(const Settings& settings, const fs::path& data_dir)
      : settings_(settings), data_dir_(fs::absolute(data_dir)) {}

  Probe run(Trial trial) && {
    find_bwrap();
    find_programs();
    prepare_folders();
    compile_filter();
    if (trial == Trial::yes && !is_hopeless()) try_sandbox();
    look_at_limits();
    probe_.findings.push_back(look_at_user(settings_.uid_base));
    if (!is_hopeless())
      probe_.backend =
          std::make_unique<BubblewrapBackend>(config_, std::move(*filter_), std::move(*cgroups_));
    return std::move(probe_);
  }

 private:
  void note(std::string what, bool is_good, std::string message, bool is_required = true) {
    probe_.findings.push_back({std::move(what), is_good, is_required, std::move(message)});
  }
  bool is_hopeless() const {
    return std::ranges::any_of(probe_.findings,
                               [](const Finding& one) { return one.is_required && !one.is_good; });
  }

  void find_bwrap();
  void find_programs();
  void prepare_folders();
  void compile_filter();
  void try_sandbox();
  Result<void> run_trial();
  void look_at_limits();

  const Settings& settings_;
  fs::path data_dir_;
  BubblewrapConfig config_;
  std::optional<SeccompFilter> filter_;
  std::optional<Cgroups> cgroups_;
  Probe probe_;
};

void Prober::find_bwrap() {
  const auto found = find_program("bwrap");
  if (!found)
    return note("bubblewrap", false, "the program bwrap is not in PATH; install the package `bubblewrap`");
  const auto version = run_command({found->string(), "--version"});
  const auto help = run_command({found->string(), "--help"});
  if (!version || !help) return note("bubblewrap", false, fmt::format("{} does not run", found->string()));
  const auto has = [&](std::string_view option) { return help->find(option) != std::string::npos; };
  config_.bwrap = *found;
  config_.features = {has("--size "), has("--disable-userns "), has("--add-seccomp-fd ")};
  const bool is_recent = has("--clearenv") && has("--perms");
  note("bubblewrap", is_recent,
       fmt::format("{}{}", version->substr(0, version->find('\n')),
                   is_recent ? "" : "; version 0.5 or newer is needed"));
}

void Prober::find_programs() {
  auto shim = find_own_program("isa-shim", settings_.shim_path, "cloud_os.shim_path");
  auto runtime = find_own_program("isa-runtime", settings_.runtime_path, "cloud_os.runtime_path");
  config_.shim = shim.path;
  config_.runtime = runtime.path;
  probe_.findings.push_back(std::move(shim.finding));
  probe_.findings.push_back(std::move(runtime.finding));
}

void Prober::prepare_folders() {
  config_.sandboxes = sandboxes_folder(data_dir_);
  config_.etc = data_dir_ / "sandbox-etc";
  config_.uid_base = settings_.uid_base;
  config_.log_bytes = settings_.log_bytes;
  auto folder = prepare_data_folder(data_dir_);
  if (const auto etc = write_etc(config_.etc); folder.is_good && !etc)
    folder = {"sandbox folder", false, true,
              fmt::format("{} cannot be written: {}", data_dir_.string(), etc.error().message())};
  probe_.findings.push_back(std::move(folder));
}

void Prober::compile_filter() {
  auto filter = SeccompFilter::compile();
  note("seccomp", filter.has_value(), filter ? "the system call filter is built" : filter.error().message());
  if (filter) filter_.emplace(std::move(*filter));
}

// The same way as every later sandbox, only that its first process ends at once.
Result<void> Prober::run_trial() {
  ISA_TRY(auto filter, SeccompFilter::compile());
  BubblewrapConfig config = config_;
  config.runtime = kTrialProgram;
  config.sandboxes = data_dir_ / "trial";
  const SandboxDir dir{config.sandboxes / SandboxId::make().value()};
  std::error_code error;
  fs::create_directories(dir.broker(), error);
  fs::create_directories(dir.workspace(), error);
  if (error) return internal_error("cannot make {}", dir.root.string()).with_detail(error.message());

  BubblewrapBackend backend(config, std::move(filter), Cgroups({}));
  const auto shim = backend.spawn(dir, Record{});
  if (shim) wait_until_gone(shim->supervisor, kTrialPatience);
  std::ignore = backend.kill(dir);
  const auto exit = backend.exit_of(dir);
  auto said = read_text(dir.log()).value_or("");
  fs::remove_all(dir.root, error);
  fs::remove(config.sandboxes, error);  // Unless another probe has its own below it.
  if (!shim) return Failure(shim.error());
  if (exit.code == 0) return ok();
  while (said.ends_with('\n')) said.pop_back();
  return failed_dependency("{}", said.empty() ? exit.reason : said);
}

void Prober::try_sandbox() {
  auto tried = run_trial();
  if (!tried && config_.features.disable_userns) {
    config_.features.disable_userns =
        false;  // Wants a writable /proc/sys; the filter refuses namespaces as well.
    tried = run_trial();
  }
  if (tried) return note("namespaces", true, "a sandbox runs");
  note("namespaces", false,
       fmt::format("a sandbox cannot be started: {}. Unprivileged user namespaces must be allowed: "
                   "sysctl user.max_user_namespaces above 0, kernel.unprivileged_userns_clone=1 on Debian, "
                   "kernel.apparmor_restrict_unprivileged_userns=0 (or a profile for bwrap) on Ubuntu; in a "
                   "container, "
                   "--security-opt seccomp=unconfined",
                   tried.error().message()));
}

// A name for the data folder that fits into a path (FNV-1a).
std::string mark_of(const fs::path& folder) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char c : fs::weakly_canonical(folder).string())
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  return fmt::format("{:016x}", hash);
}

void Prober::look_at_limits() {
  cgroups_ = Cgroups::probe(mark_of(data_dir_));
  for (const auto& sentence : cgroups_->why_missing()) note("limits", false, sentence, false);
  if (!cgroups_->why_missing().empty()) return;
  const bool v2 =
      std::ranges::all_of(cgroups_->hierarchies(), [](const auto& one) { return one.version == 2; });
  note("limits", true, fmt::format("memory, cpu and processes, by control groups of version {}", v2 ? 2 : 1),
       false);
}

}  // namespace

Probe probe_bubblewrap(const Settings& settings, const fs::path& data_dir, Trial trial) {
  return Prober(settings, data_dir).run(trial);
}

}  // namespace isa::cloud_os
