// What bubblewrap is told: the view of the world that a sandbox gets.
#pragma once

#include "base/result.h"
#include "cloud_os/record.h"

#include <filesystem>
#include <string>
#include <vector>

namespace isa::cloud_os {

// What the installed bubblewrap can do beyond its oldest supported version (0.5), read from its help text.
struct BwrapFeatures {
  bool tmpfs_size = false;       // --size
  bool disable_userns = false;   // --disable-userns
  bool several_filters = false;  // --add-seccomp-fd
};

// Where the parts of a sandbox are, as bubblewrap will see them: the real paths, or those that the shim
// staged.
struct BwrapSources {
  std::filesystem::path runtime, workspace, broker, etc;
};

struct BwrapDescriptors {
  int seccomp = 4;
  int refused_ioctls = 5;
  int info = 7;
};

inline constexpr const char* kRuntimeInside = "/opt/isa/isa-runtime";

// Separated and ended by NUL bytes, as `--args FD` wants it. `env` is the whole environment of the sandbox.
std::string bwrap_options(const BwrapSources& from, const BwrapFeatures& features,
                          const BwrapDescriptors& fds, const VmLimits& limits,
                          const std::map<std::string, std::string>& env);

// Makes the small /etc that all sandboxes share: users, names, nothing of the host. Changes only what
// differs, since sandboxes that outlived an earlier server have this very folder mounted.
Result<void> write_etc(const std::filesystem::path& folder);

}  // namespace isa::cloud_os
