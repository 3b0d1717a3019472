#pragma once

#include "cloud_os/backends/docker/answers.h"
#include "cloud_os/process.h"

namespace isa::cloud_os::docker {

// The first process of a container, in the numbers of this process's namespace; nothing when it has ended,
// and nothing when the engine counts processes in another namespace than this one.
std::optional<ProcessId> first_process(const Container& container);

}  // namespace isa::cloud_os::docker
