#include "cloud_os/disk_usage.h"

#include "cloud_os/descriptor.h"

#include <cstring>
#include <dirent.h>
#include <memory>
#include <unordered_set>

#include <fcntl.h>
#include <sys/stat.h>

namespace isa::cloud_os {
namespace {

constexpr std::int64_t kFilesMax = 2'000'000;
constexpr int kDepthMax = 256;  // Each level holds one descriptor.

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

class Walk {
 public:
  explicit Walk(DiskUsage& to) : to_(to) {}

  void count(const struct stat& status) {
    ++to_.files;
    if (status.st_nlink > 1 && !S_ISDIR(status.st_mode) && !seen_.insert(status.st_ino).second) return;
    to_.bytes += status.st_blocks * 512;
  }

  void folder(Descriptor fd, dev_t device, int depth) {
    const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
    if (!dir) return;
    fd.release();
    const int at = ::dirfd(dir.get());
    while (const dirent* entry = ::readdir(dir.get())) {
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      struct stat status{};
      if (::fstatat(at, entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 || status.st_dev != device)
        continue;
      count(status);
      if (to_.files > kFilesMax) to_.is_beyond_measure = true;
      if (to_.is_beyond_measure) return;
      if (!S_ISDIR(status.st_mode)) continue;
      Descriptor below(
          ::openat(at, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC | O_NOATIME));
      if (!below)
        below = Descriptor(::openat(at, entry->d_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (!below) continue;
      if (depth == kDepthMax) {
        to_.is_beyond_measure = true;
        return;
      }
      folder(std::move(below), device, depth + 1);
    }
  }

 private:
  DiskUsage& to_;
  std::unordered_set<ino_t> seen_;  // Of files with several names.
};

}  // namespace

DiskUsage measure_disk(const std::filesystem::path& folder) {
  DiskUsage usage;
  Descriptor fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat status{};
  if (!fd || ::fstat(fd.get(), &status) != 0) return usage;
  Walk walk(usage);
  walk.count(status);
  walk.folder(std::move(fd), status.st_dev, 1);
  return usage;
}

}  // namespace isa::cloud_os
