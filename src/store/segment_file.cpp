#include "store/segment_file.h"

#include "base/log.h"
#include "store/segment.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <optional>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace isa::store {
namespace {

Error write_failure(int why, std::string_view doing) {
  if (why == ENOSPC || why == EDQUOT)
    return from_errno(
        why, "the disk is full: no event could be saved; free space in the data directory and try again",
        ErrorKind::service_unavailable);
  return from_errno(why, fmt::format("the event log cannot {}; check the disk of the data directory", doing),
                    ErrorKind::service_unavailable);
}

std::optional<std::uint64_t> number_of(const std::filesystem::path& file) {
  if (file.extension() != ".log") return std::nullopt;
  const auto name = file.stem().string();
  std::uint64_t number = 0;
  const auto [end, ec] = std::from_chars(name.data(), name.data() + name.size(), number);
  if (ec != std::errc() || end != name.data() + name.size()) return std::nullopt;
  return number;
}

}  // namespace

Result<SegmentFolder> SegmentFolder::open(std::filesystem::path path) {
  std::error_code ec;
  if (std::filesystem::create_directories(path, ec) && !ec)
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, ec);
  const int fd = ec ? -1 : ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    const int why = ec ? ec.value() : errno;
    return from_errno(
        why,
        fmt::format("the folder {} of the event log cannot be used; check that it is a folder and that "
                    "this user may write in it",
                    path.string()),
        ErrorKind::service_unavailable);
  }
  return SegmentFolder(std::move(path), fd);
}

SegmentFolder::SegmentFolder(SegmentFolder&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

SegmentFolder& SegmentFolder::operator=(SegmentFolder&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(fd_, other.fd_);
  return *this;
}

SegmentFolder::~SegmentFolder() {
  if (fd_ >= 0) ::close(fd_);
}

std::filesystem::path SegmentFolder::file(std::uint64_t number) const {
  return path_ / fmt::format("{:08}.log", number);
}

Result<std::vector<std::uint64_t>> SegmentFolder::list() const {
  std::vector<std::uint64_t> numbers;
  std::error_code ec;
  for (std::filesystem::directory_iterator it(path_, ec), end; !ec && it != end; it.increment(ec))
    if (const auto number = number_of(it->path())) numbers.push_back(*number);
  if (ec)
    return from_errno(ec.value(), fmt::format("the event log's folder {} cannot be read", path_.string()));
  std::ranges::sort(numbers);
  return numbers;
}

Result<std::string> SegmentFolder::read(std::uint64_t number) const {
  std::error_code ec;
  const auto size = std::filesystem::file_size(file(number), ec);
  std::ifstream from(file(number), std::ios::binary);
  if (ec || !from)
    return service_unavailable("the event log's file {} cannot be read; check its permissions and the disk",
                               file(number).string());
  std::string bytes(size, '\0');
  from.read(bytes.data(), static_cast<std::streamsize>(size));
  bytes.resize(static_cast<std::size_t>(from.gcount()));
  return bytes;
}

Result<void> SegmentFolder::remove(std::uint64_t number) const {
  std::error_code ec;
  std::filesystem::remove(file(number), ec);
  if (ec) return from_errno(ec.value(), fmt::format("the file {} cannot be removed", file(number).string()));
  return ok();
}

Result<void> SegmentFolder::sync() const {
  if (::fsync(fd_) != 0) return write_failure(errno, "sync its folder");
  return ok();
}

Result<SegmentFile> SegmentFile::create(const SegmentFolder& folder, std::uint64_t number) {
  const auto path = folder.file(number);
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_CLOEXEC, 0600);
  if (fd < 0) return write_failure(errno, "create a file");
  SegmentFile file(path, number, fd);
  ISA_TRYV(file.append(kSegmentMagic));
  ISA_TRYV(folder.sync());
  return file;
}

SegmentFile::SegmentFile(std::filesystem::path path, std::uint64_t number, int fd)
    : path_(std::move(path)), number_(number), fd_(fd) {}

SegmentFile::SegmentFile(SegmentFile&& other) noexcept
    : path_(std::move(other.path_)),
      number_(other.number_),
      fd_(std::exchange(other.fd_, -1)),
      size_(other.size_),
      is_usable_(other.is_usable_) {}

SegmentFile& SegmentFile::operator=(SegmentFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(number_, other.number_);
  std::swap(fd_, other.fd_);
  std::swap(size_, other.size_);
  std::swap(is_usable_, other.is_usable_);
  return *this;
}

SegmentFile::~SegmentFile() {
  if (fd_ >= 0) ::close(fd_);
}

Result<void> SegmentFile::append(std::string_view bytes) {
  std::size_t written = 0;
  while (written < bytes.size()) {
    const auto count = ::write(fd_, bytes.data() + written, bytes.size() - written);
    if (count > 0) {
      written += static_cast<std::size_t>(count);
      continue;
    }
    const int why = count == 0 ? ENOSPC : errno;
    if (why == EINTR) continue;
    if (::ftruncate(fd_, static_cast<off_t>(size_)) != 0) {
      is_usable_ = false;
      log::error("event_log.segment_abandoned", {{"file", path_.string()}, {"errno", errno}});
    }
    return write_failure(why, "be written");
  }
  size_ += written;
  return ok();
}

Result<void> SegmentFile::sync() {
  if (::fdatasync(fd_) != 0) return write_failure(errno, "be synced to the disk");
  return ok();
}

}  // namespace isa::store
