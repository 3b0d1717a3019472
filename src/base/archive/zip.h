// Zip archives in memory. What comes in is hostile: nothing is ever written to a disk here, and every bound
// is checked while bytes are unpacked, not believed from a header.
#pragma once

#include "base/packed_file.h"

#include <cstdint>

namespace isa {

struct ZipLimits {
  std::size_t files = 200;
  std::size_t unpacked_bytes = 10 << 20;  // Of all files.
  std::size_t ratio = 200;                // Unpacked bytes for each byte of the archive.
};

// The regular files of the archive, in its order. validation_error that names the entry for: anything that
// is no regular file or folder (links, devices), an encrypted entry, a path that is not as
// check_packed_paths() wants it, a name that is there twice, an archive that is cut off or damaged.
// payload_too_large when it holds more than `limits` allow.
Result<std::vector<PackedFile>> read_zip(std::string_view bytes, const ZipLimits& limits = {});

// The same bytes for the same files: entries are sorted and bear no time.
Result<std::string> write_zip(std::vector<PackedFile> files);

}  // namespace isa
