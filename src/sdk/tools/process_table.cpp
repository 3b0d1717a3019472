#include "sdk/tools/process_table.h"

#include <charconv>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <dirent.h>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

namespace isa::sdk {
namespace {

struct Relations {
  pid_t parent = 0;
  pid_t session = 0;
};

// By /proc/<pid>/stat: "pid (name) state parent group session ...". The name may hold anything, also
// parentheses.
Relations relations_of(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  std::FILE* file = std::fopen(path.c_str(), "re");
  if (!file) return {};
  char text[512];
  const std::size_t size = std::fread(text, 1, sizeof text - 1, file);
  std::fclose(file);
  text[size] = '\0';
  const char* end_of_name = std::strrchr(text, ')');
  Relations found;
  pid_t group = 0;
  char state = 'X';
  if (end_of_name)
    std::sscanf(end_of_name + 1, " %c %d %d %d", &state, &found.parent, &group, &found.session);
  if (state == 'Z' || state == 'X') found.session = 0;  // It has ended; somebody still has to reap it.
  return found;
}

std::vector<pid_t> processes_that(const std::function<bool(const Relations&)>& fits) {
  std::vector<pid_t> found;
  DIR* dir = ::opendir("/proc");
  if (!dir) return found;
  while (const dirent* entry = ::readdir(dir)) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error == std::errc() && end == name.data() + name.size() && fits(relations_of(pid)))
      found.push_back(pid);
  }
  ::closedir(dir);
  return found;
}

std::vector<pid_t> children_outside(const std::set<pid_t>& sessions) {
  return processes_that(
      [&](const Relations& of) { return of.parent == ::getpid() && !sessions.contains(of.session); });
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
  for (const pid_t pid : children_outside({})) {
    if (!awaited_.contains(pid) && !abandoned_.contains(pid) && !killed_.contains(pid)) settled_.insert(pid);
  }
}

void ProcessTable::kill_new_orphans() {
  if (orphans_ == Orphans::not_ours) return;
  for (const pid_t pid : children_outside(awaited_)) {
    if (awaited_.contains(pid) || abandoned_.contains(pid) || settled_.contains(pid)) continue;
    if (killed_.insert(pid).second) ::kill(pid, SIGKILL);
  }
}

void kill_session(pid_t leader) {
  // Whoever forks meanwhile is found by the next look; the limit of processes bounds how often that is.
  constexpr int kLooksMax = 64;
  for (int look = 0; look < kLooksMax; ++look) {
    bool found_another = false;
    for (const pid_t pid : processes_that([&](const Relations& of) { return of.session == leader; })) {
      ::kill(pid, SIGKILL);
      found_another |= pid != leader;
    }
    if (!found_another) return;
  }
}

}  // namespace isa::sdk
