#pragma once

#include "base/result.h"

#include <filesystem>

namespace isa::store {

// Keeps a second platform away from the same files: an exclusive flock that the kernel drops when the process
// ends, however it ends. The lock file holds the owner's process id and is never removed.
class FileLock {
 public:
  // conflict, with the owner's process id, when another process (or this one) holds the lock. `what` names
  // the thing that is guarded, for messages.
  static Result<FileLock> take(const std::filesystem::path& file, std::string_view what);

  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock();

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace isa::store
