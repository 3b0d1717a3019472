#include "sdk/tools/process_table.h"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <dirent.h>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace isa::sdk {
namespace {

// The parent of a process by /proc/<pid>/stat, or 0. The name in it may hold anything, also parentheses.
pid_t parent_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (!file) return 0;
  char text[512];
  const std::size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  const std::string line(text, size);
  const auto end_of_name = line.rfind(')');
  if (end_of_name == std::string::npos || end_of_name + 4 >= line.size()) return 0;
  pid_t parent = 0;
  std::from_chars(line.data() + end_of_name + 4, line.data() + line.size(), parent);
  return parent;
}

std::vector<pid_t> children() {
  std::vector<pid_t> found;
  DIR* dir = ::opendir("/proc");
  if (!dir) return found;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size() && parent_of(pid) == ::getpid())
      found.push_back(pid);
  }
  ::closedir(dir);
  return found;
}

}  // namespace

void ProcessTable::remove(pid_t pid) {
  awaited_.erase(pid);
  reap();  // It may have hidden others from the last look.
}

void ProcessTable::abandon(pid_t pid) {
  awaited_.erase(pid);
  abandoned_.insert(pid);
  reap();
}

bool ProcessTable::reap_abandoned() {
  return std::erase_if(abandoned_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; }) > 0;
}

void ProcessTable::reap() {
  bool left_something = reap_abandoned();
  if (orphans_ == Orphans::not_ours) return;
  for (;;) {
    siginfo_t ended{};
    if (::waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) != 0 || ended.si_pid == 0) break;
    // One that is awaited hides those behind it; they are looked at again when it is removed.
    if (awaited_.contains(ended.si_pid)) break;
    ::waitpid(ended.si_pid, nullptr, WNOHANG);
    settled_.erase(ended.si_pid);
    left_something |= killed_.erase(ended.si_pid) > 0;
  }
  if (left_something) kill_new_orphans();
}

void ProcessTable::settle_orphans() {
  if (orphans_ == Orphans::not_ours) return;
  settled_.clear();
  for (const pid_t pid : children()) {
    if (!awaited_.contains(pid) && !abandoned_.contains(pid) && !killed_.contains(pid)) settled_.insert(pid);
  }
}

void ProcessTable::kill_new_orphans() {
  if (orphans_ == Orphans::not_ours) return;
  for (const pid_t pid : children()) {
    if (awaited_.contains(pid) || abandoned_.contains(pid) || settled_.contains(pid)) continue;
    if (killed_.insert(pid).second) ::kill(pid, SIGKILL);
  }
}

}  // namespace isa::sdk
