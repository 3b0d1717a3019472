#include "process_table.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dirent.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace isa::shim {
namespace {

struct Entry {
  Process process;
  bool is_ours = false;
};

class Table {
 public:
  Table() = default;
  Table(const Table&) = delete;
  Table& operator=(const Table&) = delete;
  ~Table() { std::free(entries_); }

  void read() {
    DIR* folder = opendir("/proc");
    while (const dirent* one = folder ? readdir(folder) : nullptr) {
      Process found;
      const auto pid = static_cast<pid_t>(std::strtol(one->d_name, nullptr, 10));
      if (pid > 0 && read_process(pid, found)) add(found);
    }
    if (folder) closedir(folder);
    std::sort(begin(), end(), [](const Entry& a, const Entry& b) { return a.process.pid < b.process.pid; });
  }

  // Until nobody more is found: a child can have a smaller number than its parent.
  void mark_descendants_of(pid_t ancestor) {
    for (bool has_grown = true; has_grown;) {
      has_grown = false;
      for (Entry& one : *this) {
        if (one.is_ours || !(one.process.parent == ancestor || is_ours(one.process.parent))) continue;
        one.is_ours = has_grown = true;
      }
    }
  }

  Entry* begin() { return entries_; }
  Entry* end() { return entries_ + count_; }

 private:
  void add(const Process& process) {
    if (count_ == room_) {
      const std::size_t more = room_ ? room_ * 2 : 256;
      void* grown = std::realloc(entries_, more * sizeof(Entry));
      if (!grown) return;  // The next look sees fewer, because some of these are killed.
      entries_ = static_cast<Entry*>(grown);
      room_ = more;
    }
    entries_[count_++] = {process, false};
  }

  bool is_ours(pid_t pid) {
    const Entry* found = std::lower_bound(
        begin(), end(), pid, [](const Entry& one, pid_t wanted) { return one.process.pid < wanted; });
    return found != end() && found->process.pid == pid && found->is_ours;
  }

  Entry* entries_ = nullptr;
  std::size_t count_ = 0;
  std::size_t room_ = 0;
};

// Its number may be somebody else's by now: the descriptor stands for one process, and its start says which.
bool signal_exactly(const Process& process, int number) {
  const int fd = static_cast<int>(syscall(SYS_pidfd_open, process.pid, 0));
  if (fd < 0) return false;
  Process now;
  const bool is_same = read_process(process.pid, now) && now.start == process.start;
  const bool done = is_same && syscall(SYS_pidfd_send_signal, fd, number, nullptr, 0) == 0;
  close(fd);
  return done;
}

}  // namespace

// The second field, the name, may hold anything, so count from its closing bracket.
bool read_process(pid_t pid, Process& found) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/stat", static_cast<int>(pid));
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[1024];
  const ssize_t count = read(fd, text, sizeof text - 1);
  close(fd);
  if (count <= 0) return false;
  text[count] = '\0';
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at && field < 22; ++field) {
    at = std::strchr(at + 1, ' ');
    if (at && field == 2) found.state = at[1];
    if (at && field == 3) found.parent = static_cast<pid_t>(std::strtol(at + 1, nullptr, 10));
  }
  if (!at) return false;
  found.pid = pid;
  found.start = std::strtoull(at + 1, nullptr, 10);
  return true;
}

int signal_descendants(int number) {
  Table table;
  table.read();
  table.mark_descendants_of(getpid());
  int signalled = 0;
  for (const Entry& one : table) {
    const char state = one.process.state;
    const bool is_dead = state == 'Z' || state == 'X';
    const bool is_stopped = state == 'T' || state == 't';
    if (!one.is_ours || is_dead || (number == SIGSTOP && is_stopped)) continue;
    if (signal_exactly(one.process, number)) ++signalled;
  }
  return signalled;
}

}  // namespace isa::shim
