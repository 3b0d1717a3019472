#pragma once

#include "cloud_os/descriptor.h"
#include "cloud_os/process.h"
#include "cloud_os/record.h"

namespace isa::cloud_os {

// What a shim inherits (shim/orders.h says at which numbers).
struct ShimDescriptors {
  Descriptor listener, allowed, refused_ioctls;
};

// Starts the shim of one sandbox, with nothing inherited but these descriptors. What it says itself goes to
// the sandbox's log.
Result<ProcessId> start_shim(const SandboxDir& dir, const std::vector<std::string>& arguments,
                             ShimDescriptors inherited);

}  // namespace isa::cloud_os
