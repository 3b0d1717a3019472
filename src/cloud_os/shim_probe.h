// What the probes of backends with a shim look at (shim_backend.h).
#pragma once

#include "cloud_os/probe_parts.h"
#include "cloud_os/shim_backend.h"

namespace isa::cloud_os {

struct FoundShim {
  ShimConfig config;
  std::vector<Finding> findings;
};
FoundShim look_at_shim(const Settings& settings, const std::filesystem::path& data_dir);

struct FoundLimits {
  Cgroups cgroups;
  std::vector<Finding> findings;
};
FoundLimits find_limits(const std::filesystem::path& data_dir);

// The configuration of a backend for try_once(), which starts a sandbox whose first process ends at once, the
// same way as every later one. An error says why it did not run.
ShimConfig for_trial(ShimConfig config, const std::filesystem::path& data_dir);
Result<void> try_once(ShimBackend& backend, const std::filesystem::path& data_dir);

}  // namespace isa::cloud_os
