#include "family.h"

#include "process_table.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::shim {
namespace {

// A sandbox that makes processes faster than they are found is not stopped for ever.
constexpr int kStopPasses = 64;

unsigned long long start_time(pid_t pid) {
  Process found;
  return read_process(pid, found) ? found.start : 0;
}

// A reader sees the whole file or none.
bool write_whole(const char* name, const char* text) {
  char temporary[64];
  std::snprintf(temporary, sizeof temporary, "%s.new", name);
  const int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return false;
  const auto size = static_cast<ssize_t>(std::strlen(text));
  const bool written = write(fd, text, static_cast<std::size_t>(size)) == size;
  close(fd);
  return written && std::rename(temporary, name) == 0;
}

}  // namespace

Family::Family(pid_t program, bool is_bare)
    : program_(program), is_bare_(is_bare), init_(is_bare ? program : 0) {}

void Family::read_info(const char* bytes, std::size_t count) {
  count = std::min(count, sizeof info_ - 1 - info_size_);
  std::memcpy(info_ + info_size_, bytes, count);
  info_size_ += count;
  const char* at = std::strstr(info_, "\"child-pid\":");
  // The number counts only once the byte behind it has arrived.
  if (init_ != 0 || !at || !std::strpbrk(at + 12, ",}\n")) return;
  init_ = static_cast<pid_t>(std::strtol(at + 12, nullptr, 10));
  init_fd_ = static_cast<int>(syscall(SYS_pidfd_open, init_, 0));
  write_pids();
}

bool Family::reap() {
  for (;;) {
    int status = 0;
    const pid_t pid = waitpid(-1, &status, WNOHANG);
    if (pid == 0) return true;
    if (pid < 0 && errno == EINTR) continue;
    if (pid < 0) return false;
    if (pid == program_) status_ = status;
  }
}

// Nothing takes the others along when the program ends. Those that it leaves behind come to the shim, which
// is their subreaper, so that every process is a descendant until it ends. Stopped ones make no further ones.
void Family::kill_descendants() {
  if (!was_stopped_)
    for (int pass = 0; pass < kStopPasses && signal_descendants(SIGSTOP) > 0;) ++pass;
  was_stopped_ = true;
  signal_descendants(SIGKILL);
}

void Family::kill_all() {
  was_told_ = true;
  if (is_bare_) kill_descendants();
  // The first process of a pid namespace takes everybody in it along. Bubblewrap reaps it, so that its number
  // may be somebody else's by now: signal by descriptor.
  if (init_fd_ >= 0) syscall(SYS_pidfd_send_signal, init_fd_, SIGKILL, nullptr, 0);
  if (status_ < 0) kill(program_, SIGKILL);
}

bool Family::write_pids() const {
  char text[256];
  const pid_t self = getpid();
  int size = std::snprintf(text, sizeof text, "shim %d %llu\n", static_cast<int>(self), start_time(self));
  if (init_ > 0)
    std::snprintf(text + size, sizeof text - static_cast<std::size_t>(size), "init %d %llu\n",
                  static_cast<int>(init_), start_time(init_));
  return write_whole("pids", text);
}

bool Family::write_exit() const {
  char text[64];
  if (status_ >= 0 && WIFSIGNALED(status_))
    std::snprintf(text, sizeof text, "signaled %d\n", WTERMSIG(status_));
  // bubblewrap's way to say that its child was killed.
  else if (!is_bare_ && status_ >= 0 && WEXITSTATUS(status_) > 128)
    std::snprintf(text, sizeof text, "signaled %d\n", WEXITSTATUS(status_) - 128);
  else
    std::snprintf(text, sizeof text, "exited %d\n", status_ >= 0 ? WEXITSTATUS(status_) : 125);
  return write_whole("exit", text);
}

}  // namespace isa::shim
