#include "cloud_os/probe.h"

#include "cloud_os/backends/bubblewrap/probe.h"
#include "cloud_os/backends/docker/probe.h"
#include "cloud_os/backends/process/probe.h"

#include <fmt/format.h>

#include <algorithm>

#include <unistd.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

struct Candidate {
  std::string_view name;
  Probe (*look)(const Settings&, const fs::path&, Trial);
};

// Under `auto` the first usable one is taken: bubblewrap starts a sandbox in a fiftieth of the time.
// `process`, which isolates nothing, is never among them.
constexpr Candidate kCandidates[] = {{"bubblewrap", probe_bubblewrap}, {"docker", probe_docker}};

Probe refusal(std::string message) {
  Probe refused;
  refused.findings.push_back({"backend", false, true, std::move(message)});
  return refused;
}

Probe look_at(std::string_view name, const Settings& settings, const fs::path& data_dir, Trial trial) {
  const auto named = std::ranges::find(kCandidates, name, &Candidate::name);
  if (named != std::end(kCandidates)) return named->look(settings, data_dir, trial);
  if (name == "process") return probe_process(settings, data_dir, trial);
  return refusal(
      fmt::format("cloud_os.backend is {}; this build has: auto, bubblewrap, docker, process", name));
}

// What two candidates have in common is said once.
void add_findings(std::vector<Finding>& to, std::vector<Finding> more) {
  for (auto& one : more) {
    const bool is_known = std::ranges::any_of(
        to, [&](const Finding& known) { return known.what == one.what && known.message == one.message; });
    if (!is_known) to.push_back(std::move(one));
  }
}

Probe choose(const Settings& settings, const fs::path& data_dir, Extent extent) {
  Probe chosen;
  std::vector<std::string_view> usable;
  for (const auto& [name, look] : kCandidates) {
    auto one = look(settings, data_dir, Trial::yes);
    if (one.backend) usable.push_back(name);
    if (!chosen.backend) chosen.backend = std::move(one.backend);
    add_findings(chosen.findings, std::move(one.findings));
    if (chosen.backend && extent == Extent::until_usable) break;
  }
  if (settings.insecure_no_isolation)
    chosen.findings.push_back({"isolation", false, false,
                               "cloud_os.insecure_no_isolation changes nothing under cloud_os.backend=auto; "
                               "--insecure-no-isolation sets both"});
  if (usable.empty()) return chosen;
  // Nobody needs what another candidate lacks.
  for (auto& finding : chosen.findings) finding.is_required = finding.is_required && finding.is_good;
  chosen.findings.push_back(
      {"backend", true, false, fmt::format("{} (usable: {})", usable.front(), fmt::join(usable, ", "))});
  return chosen;
}

}  // namespace

void Probe::note(std::string what, bool is_good, std::string message, bool is_required) {
  findings.push_back({std::move(what), is_good, is_required, std::move(message)});
}

bool Probe::is_hopeless() const {
  return std::ranges::any_of(findings, [](const Finding& one) { return one.is_required && !one.is_good; });
}

Result<std::unique_ptr<Backend>> Probe::take_backend() && {
  if (backend) return std::move(backend);
  std::string lacking;
  for (const auto& finding : findings)
    if (finding.is_required && !finding.is_good)
      lacking += fmt::format("{}{}: {}", lacking.empty() ? "" : "; ", finding.what, finding.message);
  if (lacking.empty()) return internal_error("the probe found nothing wrong and made no backend");
  return failed_dependency("sandboxes cannot run here: {}", lacking);
}

Probe probe(const Settings& settings, const fs::path& data_dir, Extent extent) {
  if (settings.uid_base <= 0 && ::geteuid() == 0) return refusal("cloud_os.uid_base must be above 0");
  const auto absolute = fs::absolute(data_dir);
  if (settings.backend == "auto") return choose(settings, absolute, extent);
  return look_at(settings.backend, settings, absolute, Trial::yes);
}

Result<std::unique_ptr<Backend>> backend_for_existing(const Settings& settings, const fs::path& data_dir) {
  const auto name = settings.backend == "auto" ? kCandidates[0].name : std::string_view(settings.backend);
  return look_at(name, settings, fs::absolute(data_dir), Trial::no).take_backend();
}

}  // namespace isa::cloud_os
