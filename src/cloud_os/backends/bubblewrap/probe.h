#pragma once

#include "cloud_os/probe.h"

namespace isa::cloud_os {

// Looks, and runs a sandbox once.
Probe probe_bubblewrap(const Settings& settings, const std::filesystem::path& data_dir);

}  // namespace isa::cloud_os
