#include "store/file_lock.h"

#include <array>
#include <cerrno>
#include <string>
#include <utility>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

namespace isa::store {
namespace {

std::string owner_of(int fd) {
  std::array<char, 32> text{};
  const auto count = ::pread(fd, text.data(), text.size() - 1, 0);
  std::string_view pid(text.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
  pid = pid.substr(0, pid.find_first_not_of("0123456789"));
  return pid.empty() ? "an unknown process" : fmt::format("process {}", pid);
}

}  // namespace

Result<FileLock> FileLock::take(const std::filesystem::path& file, std::string_view what) {
  FileLock lock(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (lock.fd_ < 0) {
    const int why = errno;
    return from_errno(
        why,
        fmt::format("{} cannot be opened: the lock file {} cannot be written; check that its folder "
                    "exists, that this user may write in it, and that the disk is not full",
                    what, file.string()),
        ErrorKind::service_unavailable);
  }
  if (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    if (why == EWOULDBLOCK)
      return conflict("{} is in use by another isA platform ({}); stop it, or choose another data directory",
                      what, owner_of(lock.fd_));
    return from_errno(why, fmt::format("{} cannot be locked", what), ErrorKind::service_unavailable);
  }
  const auto pid = std::to_string(::getpid());
  // The id is a courtesy to whoever reads the error; the lock holds without it.
  [[maybe_unused]] const bool noted =
      ::ftruncate(lock.fd_, 0) == 0 && ::pwrite(lock.fd_, pid.data(), pid.size(), 0) > 0;
  return lock;
}

FileLock::FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace isa::store
