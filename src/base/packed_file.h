// A file on its way between places: out of an archive, into a store, into a sandbox.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace isa {

struct PackedFile {
  std::string path;     // Below the folder that is on its way: scripts/run.sh
  std::string content;  // Any bytes.
  bool is_executable = false;
};

inline constexpr std::size_t kPackedPathMax = 240;  // Bytes.
inline constexpr int kPackedDepthMax = 8;           // Names in a path.

// validation_error unless the path is relative, in its shortest form, well-formed UTF-8 without control
// characters or backslashes, and within the limits above: then no file system takes it for a way out.
Result<void> check_packed_path(std::string_view path);

// validation_error when a path is not as above, is there twice, or is a file and a folder at once.
Result<void> check_packed_paths(const std::vector<PackedFile>& files);

// SHA-256 of what the files say, in hexadecimal; their order does not matter.
std::string content_hash(std::vector<PackedFile> files);

}  // namespace isa
