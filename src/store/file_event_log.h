#pragma once

#include "store/event_log.h"

#include <filesystem>
#include <memory>

namespace isa::store {

struct FileEventLogOptions {
  std::filesystem::path folder;          // Made when missing, mode 0700.
  std::size_t segment_bytes = 64 << 20;  // A segment past this size is closed and a new one begun.
};

// Segments NNNNNNNN.log of records {length, crc32c, run id, seq, json}.
Result<std::unique_ptr<EventLog>> open_file_event_log(FileEventLogOptions options);

}  // namespace isa::store
