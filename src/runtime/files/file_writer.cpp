#include "base/ids.h"
#include "runtime/files/files.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace isa::runtime {
namespace {

using sdk::Fd;

constexpr mode_t kNewFile = 0644;

Error cannot_write(int number, const std::string& path) {
  if (number == EACCES || number == EPERM || number == EROFS || number == ETXTBSY)
    return insufficient_permissions("{} may not be written: {}", path, std::strerror(number));
  return file_error(number, path);
}

bool is_proc(const Fd& folder) {
  struct statfs system{};
  return ::fstatfs(folder.get(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

}  // namespace

Result<FileWriter> FileWriter::open(const Files& files, std::string path, std::optional<mode_t> mode) {
  FileWriter writer;
  const auto slash = path.rfind('/');
  const auto parent = slash == 0 ? std::string("/") : path.substr(0, slash);
  writer.base_ = path.substr(slash + 1);
  writer.path_ = std::move(path);
  if (writer.base_.empty() || writer.base_ == "..") return cannot_write(EISDIR, writer.path_);
  ISA_TRYV(files.make_folders(parent));
  ISA_TRY(writer.folder_, files.open_folder(parent));
  if (is_proc(writer.folder_)) return cannot_write(EPERM, writer.path_);

  struct stat status{};
  writer.replaces_ = ::fstatat(writer.folder_.get(), writer.base_.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (writer.replaces_ && S_ISDIR(status.st_mode)) return cannot_write(EISDIR, writer.path_);
  const bool is_plain = S_ISREG(status.st_mode) && status.st_nlink == 1;
  if (writer.replaces_ && !is_plain) {
    // Through a link, or under each of its names, the new content must be seen, too. A pipe without reader is
    // refused, not waited for.
    writer.file_ =
        open_path(writer.folder_.get(), writer.base_, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK, kNewFile);
    if (!writer.file_) return cannot_write(errno, writer.path_);
    if (::fstat(writer.file_.get(), &status) != 0 || !S_ISREG(status.st_mode) || is_proc(writer.file_))
      return validation_error("{} is no regular file", writer.path_);
  } else {
    if (writer.replaces_ && ::faccessat(writer.folder_.get(), writer.base_.c_str(), W_OK, 0) != 0)
      return cannot_write(errno, writer.path_);
    writer.temporary_ = ".isa-write-" + random_hex(6);
    writer.file_ = Fd(::openat(writer.folder_.get(), writer.temporary_.c_str(),
                               O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
    if (!writer.file_) {
      const int error = errno;
      writer.temporary_.clear();
      return cannot_write(error, writer.path_);
    }
    if (!mode) mode = writer.replaces_ ? status.st_mode & 07777 : kNewFile;
  }
  if (mode && ::fchmod(writer.file_.get(), *mode) != 0) return cannot_write(errno, writer.path_);
  return writer;
}

Result<bool> Files::write_part(const std::string& path, std::optional<mode_t> mode, std::int64_t offset,
                               std::string_view bytes) const {
  const auto slash = path.rfind('/');
  const auto parent = slash == 0 ? std::string("/") : path.substr(0, slash);
  const auto base = path.substr(slash + 1);
  if (base.empty() || base == "..") return cannot_write(EISDIR, path);
  ISA_TRYV(make_folders(parent));
  ISA_TRY(const auto folder, open_folder(parent));
  const bool existed = ::faccessat(folder.get(), base.c_str(), F_OK, 0) == 0;
  const int begin = offset == 0 ? O_CREAT | O_TRUNC : 0;
  const Fd file = open_path(folder.get(), base, O_WRONLY | O_NONBLOCK | begin, kNewFile);
  struct stat status{};
  if (!file) return cannot_write(errno, path);
  if (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode) || is_proc(file))
    return validation_error("{} is no regular file", path);
  if (offset > status.st_size)
    return conflict("{} has {} bytes; the part at {} comes too early", path, status.st_size, offset)
        .with_code("part_out_of_order");
  if (mode && ::fchmod(file.get(), *mode) != 0) return cannot_write(errno, path);
  while (!bytes.empty()) {
    const auto written = ::pwrite(file.get(), bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return cannot_write(errno, path);
    bytes.remove_prefix(static_cast<std::size_t>(written));
    offset += written;
  }
  return existed;
}

FileWriter::~FileWriter() {
  if (folder_ && !temporary_.empty()) ::unlinkat(folder_.get(), temporary_.c_str(), 0);
}

Result<void> FileWriter::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(file_.get(), bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return cannot_write(errno, path_);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

Result<void> FileWriter::finish() {
  if (temporary_.empty()) return ok();
  if (::renameat(folder_.get(), temporary_.c_str(), folder_.get(), base_.c_str()) != 0)
    return cannot_write(errno, path_);
  temporary_.clear();
  return ok();
}

}  // namespace isa::runtime
