#include "log_ring.h"

#include <algorithm>
#include <cstdio>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace isa::shim {

LogRing::LogRing(std::size_t bytes_max) : half_(std::max<std::size_t>(bytes_max / 2, 1)) {
  open_file();
}

void LogRing::open_file() {
  fd_ = open("log", O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  struct stat status{};
  used_ = fd_ >= 0 && fstat(fd_, &status) == 0 ? static_cast<std::size_t>(status.st_size) : 0;
}

void LogRing::append(const char* bytes, std::size_t count) {
  while (count > 0 && fd_ >= 0) {
    if (used_ >= half_) {
      close(fd_);
      std::rename("log", "log.old");
      open_file();
      if (used_ >= half_) return;  // The rename failed: the bound matters more than the text.
    }
    const ssize_t written = write(fd_, bytes, std::min(count, half_ - used_));
    if (written <= 0) return;  // Disk full: a sandbox must not stop because its log cannot be kept.
    used_ += static_cast<std::size_t>(written);
    bytes += written;
    count -= static_cast<std::size_t>(written);
  }
}

}  // namespace isa::shim
