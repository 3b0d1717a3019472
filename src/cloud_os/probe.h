// What this machine can do for sandboxes: for start-up, which refuses with the reason, and for `isa doctor`,
// which prints everything.
#pragma once

#include "cloud_os/backend.h"
#include "cloud_os/settings.h"

#include <memory>

namespace isa::cloud_os {

struct Finding {
  std::string what;  // "bubblewrap"
  bool is_good = false;
  bool is_required = true;
  std::string message;  // What was found; when it is not good, what to install or set.
};

struct Probe {
  std::vector<Finding> findings;
  // Set when every required finding is good.
  std::unique_ptr<Backend> backend;

  void note(std::string what, bool is_good, std::string message, bool is_required = true);
  bool is_hopeless() const;  // Something that is required is not good.
  // failed_dependency with the required findings that are not good.
  Result<std::unique_ptr<Backend>> take_backend() &&;
};

// Looks for the configured backend, or for the best one that is usable, and runs a sandbox once to see that
// it works. Blocks, from some tens of milliseconds (bubblewrap) to a second (docker): before the event loop,
// or by offload.
enum class Extent { until_usable, everything };  // Of the search under `auto`.
Probe probe(const Settings& settings, const std::filesystem::path& data_dir,
            Extent extent = Extent::until_usable);

// For whoever only looks after sandboxes that are there: nothing is started, and what new ones need may be
// missing.
Result<std::unique_ptr<Backend>> backend_for_existing(const Settings& settings,
                                                      const std::filesystem::path& data_dir);

// Whether the probe of one backend runs a sandbox once. Without, it is not found bad for what only new
// sandboxes need.
enum class Trial { no, yes };

}  // namespace isa::cloud_os
