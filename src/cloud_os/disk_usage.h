// How much of the disk a sandbox's files take.
#pragma once

#include "base/result.h"

#include <filesystem>

namespace isa::cloud_os {

struct DiskUsage {
  std::int64_t bytes =
      0;  // What the file system set aside, so that holes do not count; a second name neither.
  std::int64_t files = 0;
  // The tree is deeper, or has more files, than is gone through: it was made so to escape from being
  // measured.
  bool is_beyond_measure = false;
};

// Goes through the tree, following no link, crossing no mount. Blocks; takes about 1 microsecond a file. What
// vanishes meanwhile is left out.
DiskUsage measure_disk(const std::filesystem::path& folder);

}  // namespace isa::cloud_os
