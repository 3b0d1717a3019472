#include "app/doctor.h"

#include "app/listeners.h"
#include "app/serve.h"
#include "cloud_os/probe.h"

#include <cstdio>
#include <filesystem>

#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace isa::app {
namespace {

using cloud_os::Finding;

constexpr std::uint64_t kFreeBytesWanted = 1ull << 30;
constexpr rlim_t kDescriptorsWanted = 4096;

Finding look_at_data_dir(const std::string& folder) {
  namespace fs = std::filesystem;
  std::error_code ec;
  fs::path existing = fs::absolute(folder, ec);
  while (!fs::exists(existing, ec) && existing.has_parent_path() && existing != existing.parent_path())
    existing = existing.parent_path();
  if (access(existing.c_str(), W_OK) != 0)
    return {"data folder", false, true,
            fmt::format("{} cannot be written; make it yours or choose another with --data-dir",
                        existing.string())};
  struct statvfs disk{};
  if (statvfs(existing.c_str(), &disk) != 0) return {"data folder", false, true, "cannot be looked at"};
  const std::uint64_t free_bytes = disk.f_bavail * disk.f_frsize;
  if (free_bytes < kFreeBytesWanted)
    return {"data folder", false, false,
            fmt::format("{} has only {} MB free; a platform wants a gigabyte", folder, free_bytes >> 20)};
  return {"data folder", true, true, fmt::format("{}, {} GB free", folder, free_bytes >> 30)};
}

Finding look_at_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  if (limit.rlim_max < kDescriptorsWanted)
    return {"file descriptors", false, false,
            fmt::format("at most {}; every open stream takes one: raise `ulimit -Hn`", limit.rlim_max)};
  return {"file descriptors", true, false, fmt::format("up to {}", limit.rlim_max)};
}

Finding look_at_models(const model::Settings& models) {
  std::string configured;
  if (!models.openai_api_key.empty()) configured += " openai";
  if (!models.anthropic_api_key.empty()) configured += " anthropic";
  if (configured.empty())
    return {"model providers", false, false,
            "only builtin/demo, a rule-based model; set OPENAI_API_KEY or ANTHROPIC_API_KEY, or "
            "ISA_MODEL_OPENAI_BASE_URL for a server of your own"};
  return {"model providers", true, false, "keys for" + configured};
}

}  // namespace

int doctor(const PlatformConfig& config) {
  auto findings =
      cloud_os::probe(config.cloud_os, config.app.data_dir, cloud_os::Extent::everything).findings;
  findings.push_back(look_at_data_dir(config.app.data_dir));
  findings.push_back(look_at_descriptors());
  findings.push_back(look_at_models(config.model));
  const auto exposure = check_exposure(config, all_roles());
  findings.push_back({"listeners", exposure.has_value(), true,
                      exposure ? "who may reach them is settled" : exposure.error().message()});

  bool works = true;
  for (const auto& finding : findings) {
    const char* mark = finding.is_good ? "ok  " : finding.is_required ? "FAIL" : "note";
    std::printf("%s  %-22s %s\n", mark, finding.what.c_str(), finding.message.c_str());
    works = works && (finding.is_good || !finding.is_required);
  }
  std::printf("\n%s\n", works ? "`isa up` will work here."
                              : "`isa up` will not work before what is marked FAIL is mended.");
  return works ? 0 : 1;
}

}  // namespace isa::app
