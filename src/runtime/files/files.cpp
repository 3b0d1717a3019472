#include "runtime/files/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <dirent.h>
#include <memory>
#include <vector>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>

namespace isa::runtime {
namespace {

using sdk::Fd;

constexpr std::size_t kEntriesMax = 10'000;
constexpr std::size_t kNamesMax = 10 * kEntriesMax;  // Of one look at a folder.
constexpr int kRemoveDepthMax = 1'000;

std::pair<std::string, std::string> split(const std::string& path) {
  const auto slash = path.rfind('/');
  return {slash == 0 ? "/" : path.substr(0, slash), path.substr(slash + 1)};
}

// Descriptors of a folder's names are needed for what must not follow the last one.
Result<Fd> open_parent(const std::string& path) {
  Fd folder = open_path(AT_FDCWD, split(path).first, O_PATH | O_DIRECTORY);
  if (!folder) return file_error(errno, path);
  struct statfs system{};
  if (::fstatfs(folder.get(), &system) == 0 && system.f_type == PROC_SUPER_MAGIC)
    return insufficient_permissions("{}: nothing can be changed in /proc", path);
  return folder;
}

sdk::FileType type_of(mode_t mode) {
  if (S_ISREG(mode)) return sdk::FileType::file;
  if (S_ISDIR(mode)) return sdk::FileType::folder;
  return S_ISLNK(mode) ? sdk::FileType::link : sdk::FileType::other;
}

sdk::FileEntry entry_of(int folder, const std::string& base, std::string path, const struct stat& status) {
  sdk::FileEntry entry;
  entry.name = base;
  entry.path = std::move(path);
  entry.type = type_of(status.st_mode);
  entry.size = status.st_size;
  entry.mode = fmt::format("{:04o}", status.st_mode & 07777);
  entry.uid = status.st_uid;
  entry.gid = status.st_gid;
  entry.modified_at = from_millis(status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000);
  if (entry.type != sdk::FileType::link) return entry;
  char target[4096];
  const auto size = ::readlinkat(folder, base.c_str(), target, sizeof target);
  if (size >= 0) entry.target = std::string(target, static_cast<std::size_t>(size));
  return entry;
}

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

std::vector<std::string> names_in(Fd folder) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(folder.get()));
  if (!dir) return names;
  folder.release();
  while (const dirent* entry = ::readdir(dir.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
    if (names.size() == kNamesMax) break;
  }
  std::ranges::sort(names);
  return names;
}

void list_into(sdk::FileList& to, int folder, const std::string& path, int depth) {
  Fd copy(::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!copy) return;
  for (const auto& name : names_in(std::move(copy))) {
    struct stat status{};
    if (::fstatat(folder, name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) continue;  // Gone meanwhile.
    if (to.entries.size() == kEntriesMax) {
      to.truncated = true;
      return;
    }
    auto below = (path == "/" ? "" : path) + "/" + name;
    to.entries.push_back(entry_of(folder, name, below, status));
    if (depth <= 1 || !S_ISDIR(status.st_mode)) continue;
    const Fd next(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (next) list_into(to, next.get(), below, depth - 1);
    if (to.truncated) return;
  }
}

// Everything that can be removed is, whatever else fails; an errno, or 0. Never follows a link.
int remove_below(int folder, const std::string& name, int depth) {
  if (::unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) return 0;
  if (errno != EISDIR && errno != EPERM) return errno;
  if (depth > kRemoveDepthMax) return ENAMETOOLONG;
  const Fd below(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  int failed = below ? 0 : errno;
  for (bool is_whole = false; failed == 0 && !is_whole;) {
    Fd listed(::openat(below.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!listed) return errno;
    const auto names = names_in(std::move(listed));
    is_whole = names.size() < kNamesMax;
    for (const auto& one : names)
      if (const int error = remove_below(below.get(), one, depth + 1); error != 0) failed = error;
  }
  if (::unlinkat(folder, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
  return failed != 0 ? failed : errno;
}

}  // namespace

Error file_error(int number, std::string_view path) {
  switch (number) {
    case ENOENT: return not_found("{} does not exist", path).with_code("file_not_found");
    case ENOTDIR:
      return validation_error("{} has a file where a folder should be", path).with_code("not_a_folder");
    case EISDIR: return validation_error("{} is a folder, not a file", path).with_code("is_a_folder");
    case ENOTEMPTY:
    case EEXIST: return conflict("{} exists already, or is not empty", path).with_code("file_exists");
    case EBUSY:
    case EXDEV: return conflict("{} is on another file system, or a mount point", path);
    case ENXIO: return validation_error("{} is no regular file", path);
    case ELOOP:
      return insufficient_permissions(
          "{} goes through too many symbolic links, or one that may not be followed", path);
    case ENAMETOOLONG: return validation_error("{} is too long", path.substr(0, 200));
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
      return Error(ErrorKind::quota_exceeded, fmt::format("there is no space left for {}", path))
          .with_code("no_space");
    case EACCES:
    case EPERM:
    case EROFS:
    case ETXTBSY: return insufficient_permissions("{} may not be accessed: {}", path, std::strerror(number));
    default: return internal_error("{} cannot be accessed: {}", path, std::strerror(number));
  }
}

Fd open_path(int folder, const std::string& path, int flags, mode_t mode) {
  flags |= O_CLOEXEC;
  if ((flags & O_PATH) == 0) flags |= O_NOCTTY;  // Beside O_PATH, openat2 refuses what open would ignore.
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags);
  how.mode = (flags & O_CREAT) ? mode : 0;
  how.resolve = RESOLVE_NO_MAGICLINKS;
  Fd fd(static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
  if (!fd && errno == ENOSYS) fd = Fd(::openat(folder, path.c_str(), flags, mode));
  return fd;
}

Result<std::string> Files::absolute(std::string_view path) const {
  if (path.find('\0') != std::string_view::npos) return validation_error("a path cannot hold a zero byte");
  std::string whole = path.starts_with('/') ? std::string(path) : workspace_ + "/" + std::string(path);
  // ".." is left to the kernel, which knows where the links before it lead.
  std::string clean;
  for (std::size_t at = 0; at < whole.size();) {
    const auto end = std::min(whole.find('/', at), whole.size());
    const auto part = std::string_view(whole).substr(at, end - at);
    if (!part.empty() && part != ".") clean.append("/").append(part);
    at = end + 1;
  }
  if (clean.size() > 4000) return validation_error("the path is longer than 4000 bytes");
  return clean.empty() ? std::string("/") : clean;
}

Result<Fd> Files::open_file(const std::string& path) const {
  Fd file = open_path(AT_FDCWD, path, O_RDONLY | O_NONBLOCK);
  struct stat status{};
  if (!file || ::fstat(file.get(), &status) != 0) return file_error(errno, path);
  if (S_ISDIR(status.st_mode))
    return validation_error("{} is a folder; list it with ?op=list", path).with_code("is_a_folder");
  if (!S_ISREG(status.st_mode)) return file_error(ENXIO, path);
  return file;
}

Result<Fd> Files::open_folder(const std::string& path) const {
  Fd folder = open_path(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
  if (!folder) return file_error(errno, path);
  return folder;
}

Result<sdk::FileEntry> Files::stat(const std::string& path) const {
  const auto [parent, base] = split(path);
  const Fd folder = open_path(AT_FDCWD, parent, O_PATH | O_DIRECTORY);
  struct stat status{};
  const std::string name = base.empty() ? "." : base;
  if (!folder || ::fstatat(folder.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return file_error(errno, path);
  return entry_of(folder.get(), base, path, status);
}

Result<sdk::FileList> Files::list(const std::string& path, int depth) const {
  ISA_TRY(const auto folder, open_folder(path));
  sdk::FileList found;
  list_into(found, folder.get(), path, depth);
  return found;
}

Result<void> Files::make_folders(const std::string& path) const {
  for (std::size_t end = 1; end != std::string::npos && end < path.size();) {
    end = path.find('/', end + 1);
    const auto folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), 0755) == 0) continue;
    struct stat status{};
    if (errno == EEXIST && ::stat(folder.c_str(), &status) == 0 && !S_ISDIR(status.st_mode))
      return file_error(ENOTDIR, folder);
    if (errno != EEXIST && ::access(folder.c_str(), F_OK) != 0) return file_error(errno, folder);
  }
  return ok();
}

Result<void> Files::move(const std::string& from, const std::string& to) const {
  ISA_TRY(const auto old_folder, open_parent(from));
  ISA_TRYV(make_folders(split(to).first));
  ISA_TRY(const auto new_folder, open_parent(to));
  const auto old_base = split(from).second, new_base = split(to).second;
  if (::renameat(old_folder.get(), old_base.c_str(), new_folder.get(), new_base.c_str()) == 0) return ok();
  const int error = errno;
  if (error == EINVAL)
    return validation_error("{} cannot be moved to {}, a place within itself", from, to).with_param("to");
  return file_error(error, error == ENOENT ? from : to);
}

Result<void> Files::remove(const std::string& path, Removal how) const {
  const auto base = split(path).second;
  if (base.empty() || base == "..") return insufficient_permissions("{} cannot be removed", path);
  auto folder = open_parent(path);
  if (!folder && folder.error().kind() == ErrorKind::not_found) return ok();
  if (!folder) return Failure(std::move(folder).error());
  int error = 0;
  if (how == Removal::recursive)
    error = remove_below(folder->get(), base, 0);
  else if (::unlinkat(folder->get(), base.c_str(), 0) != 0 &&
           (errno != EISDIR || ::unlinkat(folder->get(), base.c_str(), AT_REMOVEDIR) != 0))
    error = errno;
  if (error == 0 || error == ENOENT) return ok();
  if (error == ENOTEMPTY)
    return conflict("the folder {} is not empty; say ?recursive=true", path).with_code("folder_not_empty");
  return file_error(error, path);
}

}  // namespace isa::runtime
