#include "cloud_os/shim_probe.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

constexpr auto kTrialPatience = std::chrono::seconds(10);
constexpr const char* kTrialProgram = "/usr/bin/true";

fs::path trial_folder(const fs::path& data_dir) {
  return data_dir / "trial";
}

// A name for the data folder that fits into a path (FNV-1a).
std::string mark_of(const fs::path& folder) {
  std::uint64_t hash = 0xcbf2'9ce4'8422'2325;
  for (const char c : fs::weakly_canonical(folder).string())
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100'0000'01b3;
  return fmt::format("{:016x}", hash);
}

}  // namespace

FoundShim look_at_shim(const Settings& settings, const fs::path& data_dir) {
  auto shim = find_own_program("isa-shim", settings.shim_path, "cloud_os.shim_path");
  auto runtime = find_own_program("isa-runtime", settings.runtime_path, "cloud_os.runtime_path");
  FoundShim found;
  found.config = {sandboxes_folder(data_dir), shim.path, runtime.path, settings.log_bytes};
  found.findings = {std::move(shim.finding), std::move(runtime.finding)};
  return found;
}

FoundLimits find_limits(const fs::path& data_dir) {
  FoundLimits found{Cgroups::probe(mark_of(data_dir)), {}};
  const auto& missing = found.cgroups.why_missing();
  for (const auto& sentence : missing) found.findings.push_back({"limits", false, false, sentence});
  if (!missing.empty()) return found;
  const bool v2 =
      std::ranges::all_of(found.cgroups.hierarchies(), [](const auto& one) { return one.version == 2; });
  found.findings.push_back(
      {"limits", true, false,
       fmt::format("memory, cpu and processes, by control groups of version {}", v2 ? 2 : 1)});
  return found;
}

ShimConfig for_trial(ShimConfig config, const fs::path& data_dir) {
  config.runtime = kTrialProgram;
  config.sandboxes = trial_folder(data_dir);
  return config;
}

Result<void> try_once(ShimBackend& backend, const fs::path& data_dir) {
  const auto sandboxes = trial_folder(data_dir);
  const SandboxDir dir{sandboxes / SandboxId::make().value()};
  std::error_code error;
  fs::create_directories(dir.broker(), error);
  fs::create_directories(dir.workspace(), error);
  if (error) return internal_error("cannot make {}", dir.root.string()).with_detail(error.message());

  const auto shim = backend.spawn(dir, Record{});
  if (shim) wait_until_gone(shim->supervisor, kTrialPatience);
  std::ignore = backend.kill(dir);
  const auto exit = backend.exit_of(dir);
  auto said = read_text(dir.log()).value_or("");
  fs::remove_all(dir.root, error);
  fs::remove(sandboxes, error);  // Unless another probe has its own below it.
  if (!shim) return Failure(shim.error());
  if (exit.code == 0) return ok();
  while (said.ends_with('\n')) said.pop_back();
  return failed_dependency("{}", said.empty() ? exit.reason : said);
}

}  // namespace isa::cloud_os
