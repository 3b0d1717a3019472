#include "cloud_os/process.h"

#include "cloud_os/record.h"

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <set>
#include <time.h>

#include <poll.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

// The fields of a stat line behind the name, which may itself hold blanks and brackets: field 3 first.
std::vector<std::string_view> stat_fields(std::string_view line) {
  std::vector<std::string_view> fields;
  const auto name_end = line.rfind(')');
  if (name_end == std::string_view::npos) return fields;
  for (std::size_t at = name_end + 2; at < line.size();) {
    const auto end = std::min(line.find(' ', at), line.size());
    fields.push_back(line.substr(at, end - at));
    at = end + 1;
  }
  return fields;
}

template <class Number>
Number to_number(std::string_view text) {
  Number number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

struct Status {
  ProcessId process;
  pid_t parent = 0;
  bool is_zombie = false;
};

std::optional<Status> look_up(pid_t pid) {
  const auto text = read_text(fmt::format("/proc/{}/stat", pid), 4096);
  if (!text) return std::nullopt;
  const auto fields = stat_fields(*text);
  if (fields.size() < 20) return std::nullopt;
  const bool is_zombie = fields[0] == "Z" || fields[0] == "X";
  return Status{{pid, to_number<unsigned long long>(fields[19])}, to_number<pid_t>(fields[1]), is_zombie};
}

// Empty when the processes of this host cannot be listed.
std::vector<Status> look_at_all() {
  std::vector<Status> all;
  std::error_code error;
  for (std::filesystem::directory_iterator at("/proc", error), end; !error && at != end; at.increment(error))
    if (const auto pid = to_number<pid_t>(at->path().filename().string()); pid > 0)
      if (const auto status = look_up(pid)) all.push_back(*status);
  return all;
}

// Those that live. Again and again, because a child can have a smaller number than its parent.
std::vector<ProcessId> living_descendants(pid_t ancestor) {
  const auto all = look_at_all();
  std::set<pid_t> family{ancestor};
  for (std::size_t before = 0; before != family.size();) {
    before = family.size();
    for (const auto& one : all)
      if (family.contains(one.parent)) family.insert(one.process.pid);
  }
  std::vector<ProcessId> living;
  for (const auto& one : all)
    if (one.process.pid != ancestor && family.contains(one.process.pid) && !one.is_zombie)
      living.push_back(one.process);
  return living;
}

}  // namespace

std::optional<ProcessId> identify(pid_t pid) {
  const auto status = look_up(pid);
  return status && !status->is_zombie ? std::optional(status->process) : std::nullopt;
}

std::optional<ProcessId> identify_child(pid_t pid) {
  const auto status = look_up(pid);
  return status ? std::optional(status->process) : std::nullopt;
}

void reap(const ProcessId& process) {
  const auto status = look_up(process.pid);
  if (status && status->is_zombie && status->process == process) ::waitpid(process.pid, nullptr, WNOHANG);
}

bool is_alive(const ProcessId& process) {
  return identify(process.pid) == process;
}

int open_process(const ProcessId& process) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0));
  if (fd < 0) return -1;
  // The descriptor stands for whoever had the number when it was opened: ours only if it still has the start
  // time.
  if (is_alive(process)) return fd;
  ::close(fd);
  return -1;
}

void send_signal(const ProcessId& process, int number) {
  const int fd = open_process(process);
  if (fd < 0) return;
  ::syscall(SYS_pidfd_send_signal, fd, number, nullptr, 0);
  ::close(fd);
}

bool wait_until_gone(const ProcessId& process, std::chrono::milliseconds patience) {
  bool gone = true;
  if (const int fd = open_process(process); fd >= 0) {
    pollfd watched{fd, POLLIN, 0};
    gone = ::poll(&watched, 1, static_cast<int>(patience.count())) == 1;
    ::close(fd);
  }
  if (gone) reap(process);
  return gone;
}

bool kill_and_wait(const ProcessId& process, std::chrono::milliseconds patience) {
  send_signal(process, SIGKILL);
  return wait_until_gone(process, patience);
}

bool kill_family(const ProcessId& process, std::chrono::milliseconds patience) {
  if (!is_alive(process)) return true;
  const auto end = std::chrono::steady_clock::now() + patience;
  // Stopped it makes no others, and as long as it is there, orphans stay below it.
  send_signal(process, SIGSTOP);
  for (auto family = living_descendants(process.pid); !family.empty();
       family = living_descendants(process.pid)) {
    for (const auto& one : family) send_signal(one, SIGKILL);
    for (const auto& one : family) wait_until_gone(one, patience);
    if (std::chrono::steady_clock::now() > end) break;
  }
  return kill_and_wait(process, patience);
}

SandboxProcesses read_pids(const std::filesystem::path& file) {
  SandboxProcesses found;
  const auto text = read_text(file, 4096);
  if (!text) return found;
  for (std::size_t at = 0; at < text->size();) {
    const auto end = std::min(text->find('\n', at), text->size());
    char role[16] = {};
    ProcessId process;
    const std::string line = text->substr(at, end - at);
    if (std::sscanf(line.c_str(), "%15s %d %llu", role, &process.pid, &process.start) == 3)
      (std::strcmp(role, "shim") == 0 ? found.shim : found.init) = process;
    at = end + 1;
  }
  return found;
}

Timestamp started_at(const ProcessId& process) {
  timespec since_boot{};
  ::clock_gettime(CLOCK_BOOTTIME, &since_boot);
  const auto ticks = static_cast<unsigned long long>(::sysconf(_SC_CLK_TCK));
  const auto age = std::chrono::seconds(since_boot.tv_sec) - std::chrono::seconds(process.start / ticks);
  return now() - age;
}

Result<std::vector<ShimProcess>> find_shims(const std::filesystem::path& sandboxes) {
  std::vector<ShimProcess> found;
  std::error_code error;
  const std::filesystem::directory_iterator processes("/proc", error);
  if (error)
    return internal_error("the processes of this host cannot be listed").with_detail(error.message());
  for (const auto& entry : processes) {
    const auto pid = to_number<pid_t>(entry.path().filename().string());
    if (pid <= 0) continue;
    const auto command = read_text(entry.path() / "cmdline", 8192);
    if (!command) continue;
    // isa-shim\0--dir\0<dir>\0...: the order in which the backend starts it.
    const auto first = std::min(command->find('\0'), command->size());
    const std::string program = command->substr(0, first);
    const std::string_view rest = std::string_view(*command).substr(std::min(first + 1, command->size()));
    if (!program.ends_with("isa-shim") || !rest.starts_with(std::string_view("--dir\0", 6))) continue;
    const std::filesystem::path dir(std::string(rest.substr(6, rest.find('\0', 6) - 6)));
    const auto process = identify(pid);
    if (process && dir.parent_path() == sandboxes) found.push_back({*process, dir});
  }
  return found;
}

}  // namespace isa::cloud_os
