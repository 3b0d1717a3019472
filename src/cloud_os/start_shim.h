#pragma once

#include "cloud_os/descriptor.h"
#include "cloud_os/process.h"
#include "cloud_os/record.h"

#include <optional>

namespace isa::cloud_os {

// The system calls of bubblewrap's sandboxes.
struct FilterDescriptors {
  Descriptor allowed, refused_ioctls;
};

// What a shim inherits (shim/orders.h says at which numbers).
struct ShimDescriptors {
  Descriptor listener;
  std::optional<FilterDescriptors> filter;
};

// Starts the shim of one sandbox, with nothing inherited but these descriptors. What it says itself goes to
// the sandbox's log.
Result<ProcessId> start_shim(const SandboxDir& dir, const std::vector<std::string>& arguments,
                             ShimDescriptors inherited);

}  // namespace isa::cloud_os
