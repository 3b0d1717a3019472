// Goes through the folders of a workspace, in the order of their names. Symbolic links are shown, never
// followed.
#pragma once

#include "base/deadline.h"
#include "sdk/tools/workspace.h"

#include <functional>

namespace isa::sdk {

struct WalkEntry {
  enum class Kind { file, folder, link, other };
  std::string name;       // Below the workspace: src/main.cpp
  std::string_view base;  // main.cpp
  Kind kind = Kind::file;
  int depth = 1;    // Of the entries of the folder where the walk began.
  int folder = -1;  // Descriptor of the folder that holds it, for fstatat.
};

enum class WalkStep { go_on, skip_folder, stop };

struct WalkOptions {
  bool include_hidden = false;
  int max_depth = 64;
  Deadline deadline = Deadline::never();
};

// Returns false when it was cut short by the deadline or by the number of entries that it looks at (200 000).
Result<bool> walk(const Workspace& workspace, const std::string& start, const WalkOptions& options,
                  const std::function<WalkStep(const WalkEntry&)>& visit);

}  // namespace isa::sdk
