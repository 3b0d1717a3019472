#pragma once

#include "app/platform_config.h"

namespace isa::app {

// Prints what this machine can and cannot do, and what to install or set. 0 when `isa up` would work.
int doctor(const PlatformConfig& config);

}  // namespace isa::app
