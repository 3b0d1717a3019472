#include "cloud_os/cgroup.h"

#include "cloud_os/process.h"
#include "cloud_os/record.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <sstream>
#include <thread>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr auto kPatience = std::chrono::seconds(5);
constexpr auto kPeriod_us = 100'000;

Result<void> set(const fs::path& group, const char* file, const std::string& value) {
  const auto path = group / file;
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written =
      fd >= 0 && ::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!written) return from_errno(error, fmt::format("cannot set {} to {}", path.string(), value));
  return ok();
}

// For what not every kernel has (swap accounting): the limit beside it still holds.
void set_if_there(const fs::path& group, const char* file, const std::string& value) {
  if (fs::exists(group / file)) std::ignore = set(group, file, value);
}

Result<void> apply(const CgroupHierarchy& hierarchy, const fs::path& group, const VmLimits& limits) {
  const bool v2 = hierarchy.version == 2;
  if (hierarchy.has("memory")) {
    const auto bytes = std::to_string(limits.memory_mb << 20);
    ISA_TRYV(set(group, v2 ? "memory.max" : "memory.limit_in_bytes", bytes));
    if (v2)
      set_if_there(group, "memory.swap.max", "0");
    else
      set_if_there(group, "memory.memsw.limit_in_bytes", bytes);
  }
  if (hierarchy.has("pids")) ISA_TRYV(set(group, "pids.max", std::to_string(limits.pids)));
  if (hierarchy.has("cpu")) {
    const auto quota = limits.cpu_count * kPeriod_us;
    if (v2) return set(group, "cpu.max", fmt::format("{} {}", quota, kPeriod_us));
    ISA_TRYV(set(group, "cpu.cfs_period_us", std::to_string(kPeriod_us)));
    ISA_TRYV(set(group, "cpu.cfs_quota_us", std::to_string(quota)));
  }
  return ok();
}

std::vector<pid_t> members(const fs::path& group) {
  std::vector<pid_t> pids;
  std::istringstream lines(read_text(group / "cgroup.procs").value_or(""));
  for (pid_t pid = 0; lines >> pid;) pids.push_back(pid);
  return pids;
}

// Counts of the kernel's "name value" files; 0 when there is none.
std::int64_t counter(const fs::path& file, std::string_view name) {
  std::istringstream lines(read_text(file).value_or(""));
  std::string key;
  for (std::int64_t value = 0; lines >> key >> value;)
    if (key == name) return value;
  return 0;
}

bool wait_for(const std::function<bool()>& done) {
  const auto end = Clock::now() + kPatience;
  auto pause = std::chrono::microseconds(200);
  while (!done()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(pause);  // The kernel tells nobody of a group that became removable.
    pause = std::min(pause * 2, std::chrono::microseconds(10'000));
  }
  return true;
}

bool has_no_members(const fs::path& group) {
  return members(group).empty();
}

const char* freezing_file(const CgroupHierarchy& hierarchy) {
  return hierarchy.version == 2 ? "cgroup.freeze" : "freezer.state";
}

std::string freezing_value(const CgroupHierarchy& hierarchy, bool frozen) {
  if (hierarchy.version == 2) return frozen ? "1" : "0";
  return frozen ? "FROZEN" : "THAWED";
}

bool is_frozen(const CgroupHierarchy& hierarchy, const fs::path& group) {
  if (hierarchy.version == 2) return counter(group / "cgroup.events", "frozen") == 1;
  return read_text(group / "freezer.state").value_or("").starts_with("FROZEN");
}

std::optional<std::int64_t> number_in(const fs::path& file) {
  const auto text = read_text(file, 64);
  char* end = nullptr;
  const auto number = text ? std::strtoll(text->c_str(), &end, 10) : 0;
  return text && end != text->c_str() ? std::optional<std::int64_t>(number) : std::nullopt;
}

// No process of a frozen group can fork while the list of them is gone through.
bool kill_frozen(const CgroupHierarchy& hierarchy, const fs::path& group) {
  const char* file = freezing_file(hierarchy);
  return wait_for([&] {
    set_if_there(group, file, freezing_value(hierarchy, true));
    for (const pid_t pid : members(group)) ::kill(pid, SIGKILL);
    set_if_there(group, file, freezing_value(hierarchy, false));
    return has_no_members(group);
  });
}

// Twice, because another process that looks around may just be removing the empty parent.
bool make_group(const CgroupHierarchy& hierarchy, const fs::path& group) {
  std::error_code error;
  for (int attempt = 0; attempt < 2; ++attempt) {
    fs::create_directories(hierarchy.parent, error);
    if (hierarchy.version == 2) {
      enable_controllers(hierarchy.parent.parent_path());
      enable_controllers(hierarchy.parent);
    }
    fs::create_directories(group, error);
    if (!error) return true;
  }
  return false;
}

}  // namespace

bool CgroupHierarchy::has(std::string_view controller) const {
  return std::ranges::find(controllers, controller) != controllers.end();
}

const CgroupHierarchy* Cgroups::with(std::string_view controller) const {
  const auto found = std::ranges::find_if(hierarchies_, [&](const auto& one) { return one.has(controller); });
  return found == hierarchies_.end() ? nullptr : &*found;
}

const CgroupHierarchy* Cgroups::killer() const {
  const auto v2 = std::ranges::find(hierarchies_, 2, &CgroupHierarchy::version);
  if (v2 != hierarchies_.end()) return &*v2;
  return with("freezer");
}

LimitsEnforced Cgroups::enforced() const {
  LimitsEnforced holds;
  holds.cpu_count = with("cpu") != nullptr;
  holds.memory_mb = with("memory") != nullptr;
  holds.pids = with("pids") != nullptr;
  return holds;
}

bool Cgroups::can_kill() const {
  return killer() != nullptr;
}

// Only by the hierarchy that kills, so that what is frozen can be killed.
bool Cgroups::can_freeze() const {
  return killer() && killer()->has("freezer");
}

Result<std::vector<fs::path>> Cgroups::create(const std::string& name, const VmLimits& limits) const {
  std::vector<fs::path> groups;
  for (const auto& hierarchy : hierarchies_) {
    const auto group = hierarchy.parent / name;
    auto made = make_group(hierarchy, group)
                    ? apply(hierarchy, group, limits)
                    : internal_error("cannot make the control group {}", group.string());
    if (!made) {
      std::ignore = remove(name);
      return Failure(std::move(made).error());
    }
    groups.push_back(group);
  }
  return groups;
}

Result<void> Cgroups::kill(const std::string& name) const {
  const auto* hierarchy = killer();
  if (!hierarchy) return ok();
  const auto group = hierarchy->parent / name;
  if (!fs::exists(group)) return ok();
  const bool v2 = hierarchy->version == 2;
  const bool asked_kernel =
      v2 && fs::exists(group / "cgroup.kill") && set(group, "cgroup.kill", "1").has_value();
  const bool gone = asked_kernel ? wait_for([&] { return has_no_members(group); })
                                 : kill_frozen(*hierarchy, group);
  if (gone) return ok();
  const auto left = members(group);
  return internal_error(
      "process {} of sandbox {} does not end although it was killed; it may hang in the kernel",
      left.empty() ? 0 : left.front(), name);
}

Result<void> Cgroups::remove(const std::string& name) const {
  Result<void> status = ok();
  for (const auto& hierarchy : hierarchies_) {
    const auto group = hierarchy.parent / name;
    int error = 0;
    const bool gone = wait_for([&] {
      error = ::rmdir(group.c_str()) == 0 ? 0 : errno;
      return error != EBUSY;
    });
    if ((!gone || error != 0) && error != ENOENT)
      status = from_errno(error, fmt::format("cannot remove the control group {}", group.string()));
  }
  return status;
}

Result<void> Cgroups::freeze(const std::string& name) const {
  return set_frozen(name, true);
}

Result<void> Cgroups::thaw(const std::string& name) const {
  return set_frozen(name, false);
}

Result<void> Cgroups::set_frozen(const std::string& name, bool frozen) const {
  if (!can_freeze())
    return not_implemented("no control group that can freeze processes is writable on this host");
  const auto& hierarchy = *killer();
  const auto group = hierarchy.parent / name;
  ISA_TRYV(set(group, freezing_file(hierarchy), freezing_value(hierarchy, frozen)));
  if (wait_for([&] { return is_frozen(hierarchy, group) == frozen; })) return ok();
  if (frozen) std::ignore = set(group, freezing_file(hierarchy), freezing_value(hierarchy, false));
  return internal_error("the processes of sandbox {} cannot be {}; one may hang in the kernel", name,
                        frozen ? "stopped" : "resumed");
}

Result<VmStats> Cgroups::stats(const std::string& name) const {
  VmStats now;
  bool exists = hierarchies_.empty();
  for (const auto& hierarchy : hierarchies_) {
    const bool v2 = hierarchy.version == 2;
    const auto group = hierarchy.parent / name;
    if (!fs::exists(group)) continue;
    exists = true;
    if (hierarchy.has("memory")) {
      now.memory_bytes = number_in(group / (v2 ? "memory.current" : "memory.usage_in_bytes"));
      now.memory_peak_bytes = number_in(group / (v2 ? "memory.peak" : "memory.max_usage_in_bytes"));
    }
    if (hierarchy.has("pids")) now.processes = number_in(group / "pids.current");
    if (!hierarchy.has("cpuacct")) continue;
    if (v2)
      now.cpu_time_ms = counter(group / "cpu.stat", "usage_usec") / 1000;
    else if (const auto nanoseconds = number_in(group / "cpuacct.usage"))
      now.cpu_time_ms = *nanoseconds / 1'000'000;
  }
  if (!exists) return not_found("sandbox {} does not run", name);
  return now;
}

bool Cgroups::ran_out_of_memory(const std::string& name) const {
  const auto* hierarchy = with("memory");
  if (!hierarchy) return false;
  const char* file = hierarchy->version == 2 ? "memory.events" : "memory.oom_control";
  return counter(hierarchy->parent / name / file, "oom_kill") > 0;
}

Result<std::map<std::string, Timestamp>> Cgroups::groups() const {
  std::map<std::string, Timestamp> found;
  for (const auto& hierarchy : hierarchies_) {
    std::error_code error;
    for (fs::directory_iterator at(hierarchy.parent, error), end; !error && at != end; at.increment(error)) {
      struct stat status{};
      if (::stat(at->path().c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) continue;  // Gone meanwhile.
      const auto since = from_millis(status.st_mtim.tv_sec * 1000 + status.st_mtim.tv_nsec / 1'000'000);
      const auto entry = found.emplace(at->path().filename().string(), since).first;
      entry->second = std::min(entry->second, since);
    }
    if (error && error != std::errc::no_such_file_or_directory)
      return internal_error("the control groups in {} cannot be listed", hierarchy.parent.string())
          .with_detail(error.message());
  }
  return found;
}

void Cgroups::remove_parents() const {
  for (const auto& hierarchy : hierarchies_) {
    ::rmdir(hierarchy.parent.c_str());  // Fails while somebody uses it, as it should.
    ::rmdir(hierarchy.parent.parent_path().c_str());
  }
}

}  // namespace isa::cloud_os
