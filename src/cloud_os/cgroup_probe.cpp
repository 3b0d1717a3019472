// Which control group hierarchies this process may use.
#include "cloud_os/cgroup.h"
#include "cloud_os/record.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>

#include <fcntl.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kWanted[] = {"memory", "pids", "cpu"};
// Where this process moves when its own group must hold no process, because version 2 allows limits below a
// group only then.
constexpr std::string_view kOwnLeaf = "isa-main";

struct Mount {
  fs::path point;
  bool is_v2 = false;
  std::vector<std::string> options;  // Of version 1: its controllers are among them.
};

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::istringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);)
    if (!part.empty()) parts.push_back(part);
  return parts;
}

// proc_pid_mountinfo(5): "... mount-point options [tags] - type source super-options".
std::vector<Mount> find_mounts() {
  std::vector<Mount> mounts;
  const auto text = read_text("/proc/self/mountinfo");
  if (!text) return mounts;
  for (const auto& line : split(*text, '\n')) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto left = split(line.substr(0, dash), ' ');
    const auto right = split(line.substr(dash + 3), ' ');
    if (left.size() < 5 || right.size() < 3 || !right[0].starts_with("cgroup")) continue;
    mounts.push_back({left[4], right[0] == "cgroup2", split(right[2], ',')});
  }
  return mounts;
}

int write_text(const fs::path& path, std::string_view text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  const int error = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : errno;
  ::close(fd);
  return error;
}

bool make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  return !error && ::access(path.c_str(), W_OK) == 0;
}

// The group that this process was started in: what was delegated to it.
fs::path own_group(const fs::path& mount_point) {
  const auto text = read_text("/proc/self/cgroup");
  if (!text) return mount_point;
  for (const auto& line : split(*text, '\n')) {
    if (!line.starts_with("0::/")) continue;
    auto path = mount_point / line.substr(4);
    if (path.filename() == kOwnLeaf) path = path.parent_path();
    return path.has_filename() ? path : path.parent_path();
  }
  return mount_point;
}

std::vector<std::string> controllers_of(const fs::path& group) {
  std::string text = read_text(group / "cgroup.controllers").value_or("");
  std::ranges::replace(text, '\n', ' ');
  return split(text, ' ');
}

std::optional<CgroupHierarchy> prepare_v2(const Mount& mount, std::string_view mark) {
  const fs::path base = own_group(mount.point);
  if (enable_controllers(base) == EBUSY && make_folder(base / kOwnLeaf) &&
      write_text(base / kOwnLeaf / "cgroup.procs", "0") == 0)
    enable_controllers(base);
  const fs::path parent = base / "isa" / mark;
  if (!make_folder(parent)) return std::nullopt;
  enable_controllers(base / "isa");
  auto usable = controllers_of(parent);
  if (fs::exists(parent / "cgroup.freeze")) usable.emplace_back("freezer");
  if (fs::exists(parent / "cpu.stat")) usable.emplace_back("cpuacct");
  return CgroupHierarchy{2, parent, usable};
}

bool provides(const std::vector<CgroupHierarchy>& all, std::string_view controller) {
  return std::ranges::any_of(all, [&](const CgroupHierarchy& one) { return one.has(controller); });
}

// Nothing is made where `usable` has its controllers already: the same hierarchy may be mounted twice.
std::optional<CgroupHierarchy> prepare_v1(const Mount& mount, std::string_view mark,
                                          const std::vector<CgroupHierarchy>& usable) {
  CgroupHierarchy made{1, mount.point / "isa" / mark, {}};
  for (const std::string_view controller : {"memory", "pids", "cpu", "cpuacct", "freezer"})
    if (std::ranges::find(mount.options, controller) != mount.options.end())
      made.controllers.emplace_back(controller);
  if (made.controllers.empty() || provides(usable, made.controllers.front())) return std::nullopt;
  if (!make_folder(made.parent)) return std::nullopt;
  return made;
}

}  // namespace

int enable_controllers(const fs::path& group) {
  int first_error = 0;
  for (const auto controller : kWanted)
    if (const int error = write_text(group / "cgroup.subtree_control", fmt::format("+{}", controller)))
      if (first_error == 0 || error == EBUSY) first_error = error;
  return first_error;
}

Cgroups Cgroups::probe(std::string_view mark) {
  std::vector<CgroupHierarchy> usable;
  const auto mounts = find_mounts();
  for (const bool is_v2 : {true, false}) {
    for (const auto& mount : mounts) {
      if (mount.is_v2 != is_v2) continue;
      auto made = is_v2 ? prepare_v2(mount, mark) : prepare_v1(mount, mark, usable);
      if (made) usable.push_back(std::move(*made));
    }
  }
  std::vector<std::string> missing;
  for (const auto controller : kWanted)
    if (!provides(usable, controller))
      missing.push_back(
          fmt::format("the limit of {} does not hold: no control group with that controller is writable; run "
                      "as root, or under systemd with Delegate=yes",
                      controller));
  Cgroups found(std::move(usable), std::move(missing));
  found.remove_parents();  // They were made to see that they can be; create() makes them again.
  return found;
}

}  // namespace isa::cloud_os
