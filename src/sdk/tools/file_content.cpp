#include "sdk/tools/file_content.h"

#include "base/ids.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include <fcntl.h>

namespace isa::sdk {
namespace {

Result<void> write_all(const Fd& file, std::string_view content, std::string_view name) {
  while (!content.empty()) {
    const auto written = ::write(file.get(), content.data(), content.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return internal_error("{} cannot be written: {}", name, std::strerror(errno));
    content.remove_prefix(static_cast<std::size_t>(written));
  }
  return ok();
}

Result<void> write_in_place(const Workspace& workspace, const std::string& name, std::string_view content) {
  ISA_TRY(const auto file, workspace.open_at(name, O_WRONLY | O_NONBLOCK | O_NOCTTY));
  ISA_TRY(const auto status, status_of_file(file, name));
  if (!S_ISREG(status.st_mode)) return validation_error("{} is no regular file", name);
  if (::ftruncate(file.get(), 0) != 0) return from_errno(errno, fmt::format("{} cannot be emptied", name));
  return write_all(file, content, name);
}

// `mode` is that of the file that is replaced, or nothing for a new one, which gets the process's default.
Result<void> write_beside(const Fd& folder, const std::string& base, const std::string& name,
                          std::string_view content, std::optional<mode_t> mode) {
  const std::string temporary = ".isa-write-" + random_hex(6);
  Fd file(
      ::openat(folder.get(), temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666));
  if (!file) return internal_error("{} cannot be written: {}", name, std::strerror(errno));
  auto written = write_all(file, content, name);
  if (written && mode && ::fchmod(file.get(), *mode) != 0)
    written = from_errno(errno, fmt::format("{} cannot keep its permissions", name));
  if (written && ::renameat(folder.get(), temporary.c_str(), folder.get(), base.c_str()) != 0)
    written = internal_error("{} cannot be replaced: {}", name, std::strerror(errno));
  if (!written) ::unlinkat(folder.get(), temporary.c_str(), 0);
  return written;
}

}  // namespace

Result<std::string> read_whole(const Workspace& workspace, const std::string& name) {
  ISA_TRY(const auto file, workspace.open_file(name));
  ISA_TRY(const auto status, status_of_file(file, name));
  std::string content;
  content.reserve(std::min(static_cast<std::size_t>(status.st_size), kFileMax));
  char chunk[16384];
  for (;;) {
    const auto count = ::read(file.get(), chunk, sizeof chunk);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return internal_error("{} cannot be read: {}", name, std::strerror(errno));
    if (count == 0) return content;
    content.append(chunk, static_cast<std::size_t>(count));
    if (content.size() > kFileMax)
      return payload_too_large("{} is larger than the {} MB that this tool handles", name, kFileMax >> 20);
  }
}

Result<void> write_whole(const Workspace& workspace, const std::string& name, std::string_view content) {
  const auto [folder_name, base] = split_name(name);
  if (base.empty() || base == "." || base == "..")
    return validation_error("{} is a folder, not a file", name);
  ISA_TRY(const auto folder, workspace.open_at(folder_name, O_RDONLY | O_DIRECTORY));
  struct stat status{};
  const bool exists = ::fstatat(folder.get(), base.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (!exists && errno != ENOENT)
    return internal_error("{} cannot be written: {}", name, std::strerror(errno));
  if (!exists) return write_beside(folder, base, name, content, std::nullopt);
  if (S_ISDIR(status.st_mode)) return validation_error("{} is a folder, not a file", name);
  // A second name (hard link) must see the new content, too.
  if (!S_ISREG(status.st_mode) || status.st_nlink > 1) return write_in_place(workspace, name, content);
  if (::faccessat(folder.get(), base.c_str(), W_OK, 0) != 0)
    return insufficient_permissions("{} is read-only", name);
  return write_beside(folder, base, name, content, status.st_mode & 07777);
}

}  // namespace isa::sdk
