#pragma once

#include "cloud_os/probe.h"

namespace isa::cloud_os {

// Asks the engine, and runs a sandbox once, which takes it most of a second.
Probe probe_docker(const Settings& settings, const std::filesystem::path& data_dir, Trial trial);

}  // namespace isa::cloud_os
