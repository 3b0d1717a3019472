#include "sdk/tools/workspace.h"

#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

namespace isa::sdk {
namespace {

constexpr int kRaceRetries = 8;  // openat2 answers EAGAIN when a rename elsewhere makes ".." ambiguous.

int open_beneath(int root, const char* name, int flags, mode_t mode) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
  how.mode = (flags & O_CREAT) ? mode : 0;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  int fd = -1;
  for (int i = 0; i < kRaceRetries; ++i) {
    fd = static_cast<int>(::syscall(SYS_openat2, root, name, &how, sizeof how));
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) break;
  }
  return fd;
}

std::vector<std::string> components(std::string_view name) {
  std::vector<std::string> parts;
  while (!name.empty()) {
    const auto end = name.find('/');
    const auto part = name.substr(0, end);
    if (!part.empty() && part != ".") parts.emplace_back(part);
    name = end == std::string_view::npos ? std::string_view() : name.substr(end + 1);
  }
  return parts;
}

// Name by name, following nothing.
int open_without_links(int root, const std::string& name, int flags, mode_t mode) {
  const auto parts = components(name);
  if (parts.empty()) return ::openat(root, ".", flags | O_CLOEXEC, mode);
  Fd folder;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i] == "..") return errno = EXDEV, -1;
    const bool is_last = i + 1 == parts.size();
    const int how = is_last ? flags : O_PATH | O_DIRECTORY;
    const int fd =
        ::openat(folder ? folder.get() : root, parts[i].c_str(), how | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0 || is_last) return fd;
    folder = Fd(fd);
  }
  return -1;
}

Error open_error(int error_number, std::string_view name) {
  switch (error_number) {
    case ENOENT: return not_found("{} does not exist in the workspace", name);
    case EXDEV: return insufficient_permissions("{} leads out of the workspace", name);
    case ELOOP: return insufficient_permissions("{} is a symbolic link that cannot be followed", name);
    case EISDIR: return validation_error("{} is a folder, not a file", name);
    case ENOTDIR: return validation_error("{} is no folder, or has a file where a folder should be", name);
    case EEXIST: return conflict("{} exists already", name);
    case ENXIO: return validation_error("{} is no regular file", name);
    case EACCES:
    case EPERM:
    case EROFS:
      return insufficient_permissions("{} may not be opened: {}", name, std::strerror(error_number));
    default: return internal_error("{} cannot be opened: {}", name, std::strerror(error_number));
  }
}

}  // namespace

Result<Workspace> Workspace::open(std::string path) {
  ISA_TRY(auto workspace, open(std::move(path), Method::openat2));
  const Fd probe(open_beneath(workspace.root_.get(), ".", O_PATH | O_DIRECTORY, 0));
  if (!probe) workspace.method_ = Method::without_links;
  return workspace;
}

Result<Workspace> Workspace::open(std::string path, Method method) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  Fd root(::open(path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return from_errno(errno, fmt::format("the workspace {} cannot be opened", path));
  return Workspace(std::move(path), std::move(root), method);
}

Result<std::string> Workspace::relative(std::string_view path) const {
  if (path.empty()) return validation_error("the path is empty");
  if (path.find('\0') != std::string_view::npos) return validation_error("a path cannot hold a zero byte");
  if (path.starts_with('/')) {
    const bool is_below =
        path.starts_with(path_) && (path.size() == path_.size() || path[path_.size()] == '/');
    if (!is_below) {
      return insufficient_permissions("{} lies outside of the workspace {}; give a path relative to it", path,
                                      path_);
    }
    path.remove_prefix(path_.size());
  }
  while (path.starts_with('/') || path.starts_with("./")) path.remove_prefix(path.starts_with('/') ? 1 : 2);
  while (path.ends_with('/')) path.remove_suffix(1);
  return path.empty() ? std::string(".") : std::string(path);
}

Result<Fd> Workspace::open_at(const std::string& name, int flags, mode_t mode) const {
  Fd fd(method_ == Method::openat2 ? open_beneath(root_.get(), name.c_str(), flags, mode)
                                   : open_without_links(root_.get(), name, flags, mode));
  if (!fd) return open_error(errno, name);
  return fd;
}

Result<Fd> Workspace::open_folder(const std::string& name) const {
  return open_at(name, O_RDONLY | O_DIRECTORY);
}

Result<Fd> Workspace::open_file(const std::string& name) const {
  ISA_TRY(auto file, open_at(name, O_RDONLY | O_NONBLOCK | O_NOCTTY));
  ISA_TRY(const auto status, status_of_file(file, name));
  if (S_ISDIR(status.st_mode)) return validation_error("{} is a folder, not a file", name);
  if (!S_ISREG(status.st_mode)) return validation_error("{} is no regular file", name);
  return file;
}

Result<void> Workspace::make_folders(const std::string& name) const {
  std::string done = ".";
  for (const auto& part : components(name)) {
    const std::string next = done == "." ? part : done + "/" + part;
    auto found = open_at(next, O_PATH | O_DIRECTORY);
    if (!found && found.error().kind() != ErrorKind::not_found) return Failure(std::move(found).error());
    if (!found) {
      ISA_TRY(const auto parent, open_at(done, O_PATH | O_DIRECTORY));
      if (::mkdirat(parent.get(), part.c_str(), 0777) != 0 && errno != EEXIST) return open_error(errno, next);
    }
    done = next;
  }
  return ok();
}

Result<struct stat> status_of_file(const Fd& file, std::string_view name) {
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) return open_error(errno, name);
  return status;
}

std::pair<std::string, std::string> split_name(std::string_view name) {
  const auto slash = name.rfind('/');
  if (slash == std::string_view::npos) return {".", std::string(name)};
  return {std::string(name.substr(0, slash)), std::string(name.substr(slash + 1))};
}

}  // namespace isa::sdk
