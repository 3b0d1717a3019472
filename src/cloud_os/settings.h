#pragma once

#include "base/settings.h"

namespace isa::cloud_os {

struct Settings {
  std::string backend = "auto";
  std::string runtime_path;
  std::string shim_path;
  std::int64_t create_parallel = 4;
  std::int64_t uid_base = 200'000;
  std::int64_t log_bytes = 1 << 20;
  std::chrono::milliseconds orphan_grace{60'000};

  static constexpr auto settings() {
    using config::setting;
    return std::tuple(
        setting("cloud_os.backend", &Settings::backend, "what isolates sandboxes: auto or bubblewrap"),
        setting("cloud_os.runtime_path", &Settings::runtime_path,
                "the first process of a sandbox; empty: isa-runtime beside the isa program"),
        setting("cloud_os.shim_path", &Settings::shim_path,
                "the supervisor of one sandbox; empty: isa-shim beside the isa program"),
        setting("cloud_os.create_parallel", &Settings::create_parallel,
                "sandboxes that are created at the same time"),
        setting("cloud_os.uid_base", &Settings::uid_base,
                "as root, sandbox n runs as user and group uid_base + n on the host; the range must be "
                "nobody else's"),
        setting("cloud_os.log_bytes", &Settings::log_bytes, "bytes of a sandbox's output that are kept"),
        setting("cloud_os.orphan_grace", &Settings::orphan_grace,
                "a sandbox that exists without a record is removed when it is so old"));
  }
};

}  // namespace isa::cloud_os
