#include "cloud_os/remove_tree.h"

#include "cloud_os/descriptor.h"

#include <cerrno>
#include <cstdio>
#include <dirent.h>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

bool is_dot(const char* name) {
  return name[0] == '.' && (name[1] == '\0' || (name[1] == '.' && name[2] == '\0'));
}

// Of a folder whose owner may have closed it to himself.
Descriptor open_folder(int parent, const char* name) {
  const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  Descriptor folder(::openat(parent, name, flags));
  if (folder || errno != EACCES) return folder;
  if (::fchmodat(parent, name, 0700, 0) != 0) return folder;
  return Descriptor(::openat(parent, name, flags));
}

// The folders below the top one are moved up beside their parents before they are gone into, so that every
// folder is reached in one step from the top: no path grows, no descriptor is held for a way back.
class Remover {
 public:
  explicit Remover(int top) : top_(top) {}

  // Once for every name in the top folder, and those that are moved there. 0, or an errno.
  int clear() {
    for (bool found = true; found;) {
      found = false;
      const int error = each_name(top_, [&](const char* name) {
        found = true;
        return remove_entry(name);
      });
      if (error != 0) return error;
    }
    return 0;
  }

 private:
  template <class Visit>
  static int each_name(int folder, Visit visit) {
    const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (copy < 0) return errno;
    DIR* entries = ::fdopendir(copy);
    if (!entries) {
      const int error = errno;
      ::close(copy);
      return error;
    }
    int error = 0;
    while (error == 0) {
      errno = 0;
      const dirent* entry = ::readdir(entries);
      if (!entry) {
        error = errno;
        break;
      }
      if (!is_dot(entry->d_name)) error = visit(entry->d_name);
    }
    ::closedir(entries);
    return error;
  }

  // A file, or a folder with nothing in it. EEXIST: a folder that holds something.
  static int unlink_one(int parent, const char* name) {
    if (::unlinkat(parent, name, 0) == 0 || errno == ENOENT) return 0;
    if (errno != EISDIR && errno != EPERM) return errno;
    const int error = errno;
    if (::unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return 0;
    if (errno == ENOTDIR) return error;
    return errno == ENOTEMPTY ? EEXIST : errno;
  }

  int remove_entry(const char* name) {
    if (const int error = unlink_one(top_, name); error != EEXIST) return error;
    const Descriptor folder = open_folder(top_, name);
    if (!folder) return errno;
    bool had_any = false;
    const int error = each_name(folder.get(), [&](const char* inner) {
      had_any = true;
      const int failed = take_out(folder.get(), inner);
      if (failed != EACCES) return failed;
      ::fchmod(folder.get(), 0700);  // Readable is not yet writable.
      return take_out(folder.get(), inner);
    });
    if (error != 0) return error;
    if (::unlinkat(top_, name, AT_REMOVEDIR) == 0) return 0;
    // A file system may pass over names while others go: the next round finds them.
    return errno == ENOTEMPTY && had_any ? 0 : errno;
  }

  int take_out(int parent, const char* name) {
    const int failed = unlink_one(parent, name);
    return failed == EEXIST ? lift(parent, name) : failed;
  }

  // Under a name that nobody has taken: RENAME_NOREPLACE says so.
  int lift(int parent, const char* name) {
    for (bool is_opened = false;;) {
      char fresh[32];
      std::snprintf(fresh, sizeof fresh, "%llu", ++lifted_);
      if (::renameat2(parent, name, top_, fresh, RENAME_NOREPLACE) == 0) return 0;
      if (errno == EACCES && !is_opened) {  // Moving a folder writes into it what is above it.
        is_opened = true;
        if (::fchmodat(parent, name, 0700, 0) != 0) return errno;
      } else if (errno != EEXIST) {
        return errno;
      }
    }
  }

  int top_;
  unsigned long long lifted_ = 0;
};

}  // namespace

Result<void> remove_tree(const std::filesystem::path& folder) {
  const Descriptor top = open_folder(AT_FDCWD, folder.c_str());
  if (!top && errno == ENOENT) return ok();
  if (!top && (errno == ENOTDIR || errno == ELOOP)) {
    if (::unlink(folder.c_str()) == 0 || errno == ENOENT) return ok();
  }
  if (!top) return from_errno(errno, fmt::format("cannot remove {}", folder.string()));
  ::fchmod(top.get(), 0700);
  if (const int error = Remover(top.get()).clear(); error != 0)
    return from_errno(error, fmt::format("cannot empty {}", folder.string()));
  if (::rmdir(folder.c_str()) == 0 || errno == ENOENT) return ok();
  return from_errno(errno, fmt::format("cannot remove {}", folder.string()));
}

}  // namespace isa::cloud_os
