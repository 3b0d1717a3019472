// The folder that file tools are confined to. No path, whatever it says, and no symbolic link leads out of
// it: the kernel resolves every name below the folder's own descriptor (openat2 with RESOLVE_BENEATH).
#pragma once

#include "base/result.h"
#include "sdk/tools/fd.h"

#include <string>
#include <string_view>

#include <sys/stat.h>

namespace isa::sdk {

class Workspace {
 public:
  enum class Method {
    openat2,        // Links inside the workspace work.
    without_links,  // For kernels and seccomp filters without openat2: no link and no ".." is followed at
                    // all.
  };

  // The folder must exist.
  static Result<Workspace> open(std::string path);
  static Result<Workspace> open(std::string path, Method method);

  const std::string& path() const { return path_; }

  // The name below the workspace of what a tool was given: relative, or absolute and then below path(). "."
  // is the workspace itself. insufficient_permissions for an absolute path elsewhere.
  Result<std::string> relative(std::string_view path) const;

  // open(2) by a name of relative(). Errors say what is wrong with that name: not_found,
  // insufficient_permissions (it leads out), validation_error (a folder where a file should be and the like).
  Result<Fd> open_at(const std::string& name, int flags, mode_t mode = 0) const;
  Result<Fd> open_folder(const std::string& name) const;
  // Opens a regular file for reading; refuses folders, pipes and devices without blocking on them.
  Result<Fd> open_file(const std::string& name) const;
  // Makes `name` and what is missing above it.
  Result<void> make_folders(const std::string& name) const;

 private:
  Workspace(std::string path, Fd root, Method method)
      : path_(std::move(path)), root_(std::move(root)), method_(method) {}

  std::string path_;  // Without trailing slash.
  Fd root_;
  Method method_;
};

Result<struct stat> status_of_file(const Fd& file, std::string_view name);

// "src/a.cpp" -> "src", "a.cpp"; the folder of a bare name is ".".
std::pair<std::string, std::string> split_name(std::string_view name);

}  // namespace isa::sdk
