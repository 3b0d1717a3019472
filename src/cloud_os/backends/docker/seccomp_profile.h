#pragma once

#include "base/json.h"

namespace isa::cloud_os::docker {

// The system call filter of allowed_syscalls.h as the engine reads it (libseccomp's profile format).
json::object seccomp_profile();

}  // namespace isa::cloud_os::docker
