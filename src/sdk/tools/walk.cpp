#include "sdk/tools/walk.h"

#include <algorithm>
#include <dirent.h>
#include <memory>
#include <vector>

#include <fcntl.h>

namespace isa::sdk {
namespace {

constexpr std::size_t kEntriesMax = 200'000;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};
using Dir = std::unique_ptr<DIR, CloseDir>;

WalkEntry::Kind kind_of(int folder, const dirent& entry) {
  using Kind = WalkEntry::Kind;
  switch (entry.d_type) {
    case DT_REG: return Kind::file;
    case DT_DIR: return Kind::folder;
    case DT_LNK: return Kind::link;
    case DT_UNKNOWN: break;  // Some file systems do not say.
    default: return Kind::other;
  }
  struct stat status{};
  if (::fstatat(folder, entry.d_name, &status, AT_SYMLINK_NOFOLLOW) != 0) return Kind::other;
  if (S_ISREG(status.st_mode)) return Kind::file;
  if (S_ISDIR(status.st_mode)) return Kind::folder;
  return S_ISLNK(status.st_mode) ? Kind::link : Kind::other;
}

class Walk {
 public:
  Walk(const WalkOptions& options, const std::function<WalkStep(const WalkEntry&)>& visit)
      : options_(options), visit_(visit) {}

  // False: the walk ends here.
  bool folder(Fd fd, const std::string& name, int depth) {
    const Dir dir(::fdopendir(fd.get()));
    if (!dir) return true;  // Gone meanwhile.
    fd.release();
    const int folder_fd = ::dirfd(dir.get());
    for (const auto& found : entries(dir.get())) {
      WalkEntry entry{.name = name == "." ? found.base : name + "/" + found.base,
                      .base = found.base,
                      .kind = found.kind,
                      .depth = depth,
                      .folder = folder_fd};
      const WalkStep step = visit_(entry);
      if (step == WalkStep::stop) return false;
      if (entry.kind != WalkEntry::Kind::folder || step == WalkStep::skip_folder ||
          depth >= options_.max_depth)
        continue;
      Fd below(::openat(folder_fd, found.base.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
      if (below && !folder(std::move(below), entry.name, depth + 1)) return false;
      if (is_cut_) return false;
    }
    return !is_cut_;
  }

  bool is_cut() const { return is_cut_; }

 private:
  struct Found {
    std::string base;
    WalkEntry::Kind kind;
  };

  std::vector<Found> entries(DIR* dir) {
    std::vector<Found> found;
    while (const dirent* entry = ::readdir(dir)) {
      const std::string_view base = entry->d_name;
      if (base == "." || base == ".." || (base.starts_with('.') && !options_.include_hidden)) continue;
      if (++seen_ > kEntriesMax || options_.deadline.passed()) {
        is_cut_ = true;
        break;
      }
      found.push_back({std::string(base), kind_of(::dirfd(dir), *entry)});
    }
    std::ranges::sort(found, {}, &Found::base);
    return found;
  }

  const WalkOptions& options_;
  const std::function<WalkStep(const WalkEntry&)>& visit_;
  std::size_t seen_ = 0;
  bool is_cut_ = false;
};

}  // namespace

Result<bool> walk(const Workspace& workspace, const std::string& start, const WalkOptions& options,
                  const std::function<WalkStep(const WalkEntry&)>& visit) {
  ISA_TRY(auto folder, workspace.open_folder(start));
  Walk walk(options, visit);
  walk.folder(std::move(folder), start, 1);
  return !walk.is_cut();
}

}  // namespace isa::sdk
