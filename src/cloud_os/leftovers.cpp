#include "cloud_os/leftovers.h"

#include "cloud_os/remove_tree.h"

#include <fstream>
#include <map>
#include <set>

#include <sys/mount.h>
#include <sys/stat.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;

struct Folders {
  std::set<std::string> known;  // Whoever has a record, readable or not.
  std::map<std::string, Timestamp> without_record;
};

Result<Folders> read_folders(const fs::path& sandboxes) {
  Folders found;
  std::error_code error;
  for (fs::directory_iterator at(sandboxes, error), end; !error && at != end; at.increment(error)) {
    struct stat status{};
    if (::stat(at->path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;
    const SandboxDir dir{at->path()};
    const auto record = read_text(dir.record(), 1);
    if (record || record.error().kind() != ErrorKind::not_found)
      found.known.insert(dir.id());
    else
      found.without_record[dir.id()] =
          from_millis(status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000);
  }
  if (error && error != std::errc::no_such_file_or_directory)
    return internal_error("{} cannot be listed", sandboxes.string()).with_detail(error.message());
  return found;
}

// Mount points below the folder of one sandbox, the innermost first.
std::vector<std::string> mounts_below(const fs::path& folder) {
  std::vector<std::string> points;
  std::ifstream lines("/proc/self/mountinfo");
  for (std::string line; std::getline(lines, line);) {
    // "id parent device root mount-point ...": proc_pid_mountinfo(5).
    std::size_t at = 0;
    for (int field = 0; field < 4 && at != std::string::npos; ++field) at = line.find(' ', at + 1);
    if (at == std::string::npos) continue;
    const auto point = line.substr(at + 1, line.find(' ', at + 1) - at - 1);
    if (point.starts_with(folder.string() + "/")) points.insert(points.begin(), point);
  }
  return points;
}

}  // namespace

Result<std::vector<Leftover>> find_leftovers(const fs::path& sandboxes, Backend& backend,
                                             std::chrono::milliseconds grace) {
  // What is alive first: a sandbox that is made meanwhile has its folder before it lives, and so is known
  // below.
  ISA_TRY(const auto alive, backend.enumerate());
  ISA_TRY(const auto folders, read_folders(sandboxes));
  std::vector<Leftover> found;
  const auto add = [&](const std::string& id, std::string what, Timestamp since) {
    const auto age = std::chrono::duration_cast<std::chrono::seconds>(now() - since);
    if (age >= grace) found.push_back({SandboxId(id), std::move(what), age});
  };
  for (const auto& one : alive) {
    const auto& id = one.id.value();
    if (folders.known.contains(id)) continue;
    const bool has_folder = folders.without_record.contains(id);
    add(id, has_folder ? "alive, with a folder that has no record" : "alive, without a folder", one.since);
  }
  for (const auto& [id, since] : folders.without_record) {
    const bool is_listed = std::ranges::any_of(alive, [&](const Alive& one) { return one.id.value() == id; });
    if (!is_listed) add(id, "a folder without a record", since);
  }
  return found;
}

Result<void> remove_leftover(const SandboxDir& dir, Backend& backend) {
  auto killed = backend.kill(dir);
  auto reclaimed = backend.reclaim(dir);
  for (const auto& point : mounts_below(dir.root)) ::umount2(point.c_str(), MNT_DETACH);
  if (killed && reclaimed) return remove_tree(dir.root);
  return killed ? reclaimed : killed;
}

}  // namespace isa::cloud_os
