#pragma once

#include "cloud_os/probe.h"

namespace isa::cloud_os {

Probe probe_process(const Settings& settings, const std::filesystem::path& data_dir, Trial trial);

}  // namespace isa::cloud_os
