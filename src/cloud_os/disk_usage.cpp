#include "cloud_os/disk_usage.h"

#include "cloud_os/descriptor.h"

#include <cstring>
#include <dirent.h>
#include <memory>
#include <string>
#include <unordered_set>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>

namespace isa::cloud_os {
namespace {

constexpr std::int64_t kFilesMax = 2'000'000;
constexpr int kHeldMax = 256;  // Folders that are open at a time.

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

  // A folder is let go of before its last one below is entered: a chain of folders, however deep, holds one
  // descriptor.
  void folder(Descriptor fd, dev_t device, int held) {
    while (fd) {
      const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
      if (!dir) return;
      fd.release();
      const auto below = count_all(*dir, device);
      if (to_.is_beyond_measure || below.empty()) return;
      for (std::size_t i = 0; i + 1 < below.size(); ++i) {
        if (held == kHeldMax) to_.is_beyond_measure = true;
        if (to_.is_beyond_measure) return;
        folder(open_below(*dir, below[i]), device, held + 1);
      }
      fd = open_below(*dir, below.back());
    }
  }

 private:
  // Counts what a folder holds, and names the folders among it.
  std::vector<std::string> count_all(DIR& dir, dev_t device) {
    std::vector<std::string> below;
    while (const dirent* entry = ::readdir(&dir)) {
      if (std::strcmp(entry->d_name, ".") == 0 || std::strcmp(entry->d_name, "..") == 0) continue;
      struct stat status{};
      if (::fstatat(::dirfd(&dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) != 0 ||
          status.st_dev != device)
        continue;
      count(status);
      if (to_.files > kFilesMax) {
        to_.is_beyond_measure = true;
        break;
      }
      if (S_ISDIR(status.st_mode)) below.emplace_back(entry->d_name);
    }
    return below;
  }

  static Descriptor open_below(DIR& dir, const std::string& name) {
    constexpr int kFlags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    Descriptor below(::openat(::dirfd(&dir), name.c_str(), kFlags | O_NOATIME));
    if (!below) below = Descriptor(::openat(::dirfd(&dir), name.c_str(), kFlags));
    return below;
  }

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
