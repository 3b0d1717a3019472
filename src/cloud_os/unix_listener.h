#pragma once

#include "base/result.h"
#include "cloud_os/descriptor.h"

#include <filesystem>

namespace isa::cloud_os {

// A listening Unix socket whose file has that mode. Replaces a file of that name, also a live socket: the
// channels of a sandbox have one owner, and a restarted server takes them over.
Result<Descriptor> listen_unix(const std::filesystem::path& path, mode_t mode);

}  // namespace isa::cloud_os
