// What exists of sandboxes on the host although no record stands for it: a crash in the wrong moment, a
// folder that was deleted by hand. For the service, which removes it, and for `isa gc`, which shows it.
#pragma once

#include "cloud_os/backend.h"

#include <string>
#include <vector>

namespace isa::cloud_os {

struct Leftover {
  SandboxId id;
  std::string what;  // In words.
  std::chrono::seconds age{0};
};

// Of `sandboxes`, the folder of all of one server's, and at least `grace` old: younger ones may be on their
// way into or out of existence. An error when anything could not be read: what is missing in an answer that
// is not whole would be taken for gone. A record that is there and cannot be understood counts as one. Both
// block.
Result<std::vector<Leftover>> find_leftovers(const std::filesystem::path& sandboxes, Backend& backend,
                                             std::chrono::milliseconds grace);
Result<void> remove_leftover(const SandboxDir& dir, Backend& backend);

}  // namespace isa::cloud_os
