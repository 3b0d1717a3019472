// isa-shim: stands between cloud_os and one sandbox, so that the sandbox outlives the server.
//
// In a session of its own it starts the sandbox inside of its limits, keeps the last of its output, waits
// until every process of it has ended and leaves the exit status in the sandbox's folder. It cleans nothing
// up: cloud_os, or the next one after a restart, does that from the folder. SIGTERM makes it kill the
// sandbox. Where the sandbox is a bare program, its end is the end of everything that it started, too.
#include "child.h"
#include "family.h"
#include "log_ring.h"
#include "orders.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::shim {
namespace {

// Who is still there is killed again after so long, because one that was made meanwhile may be missed.
constexpr int kKillAgainMs = 20;

struct Pipe {
  int read_end = -1;
  int write_end = -1;
};

// Both ends above kInfoFd, so that the child can place its descriptors without covering one that it needs.
bool open_pipe(Pipe& made) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return false;
  made.read_end = fcntl(ends[0], F_DUPFD_CLOEXEC, kInfoFd + 1);
  made.write_end = fcntl(ends[1], F_DUPFD_CLOEXEC, kInfoFd + 1);
  close(ends[0]);
  close(ends[1]);
  return made.read_end >= 0 && made.write_end >= 0;
}

int block_signals() {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGHUP, SIG_IGN);
  sigset_t wanted;
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGCHLD);
  sigaddset(&wanted, SIGTERM);
  sigaddset(&wanted, SIGINT);
  sigprocmask(SIG_BLOCK, &wanted, nullptr);
  return signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK);
}

void unblock_signals() {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  signal(SIGPIPE, SIG_DFL);
  signal(SIGHUP, SIG_DFL);
}

// Some bytes of a pipe, or its end (then the descriptor is closed and forgotten).
ssize_t take(int& fd, char* to, std::size_t max) {
  const ssize_t count = read(fd, to, max);
  if (count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN))) return count;
  close(fd);
  fd = -1;
  return 0;
}

void supervise(Family& family, int log_fd, int info_fd, int signals, LogRing& log) {
  bool alive = true;
  char bytes[16384];
  while (alive || log_fd >= 0) {
    pollfd watched[] = {{log_fd, POLLIN, 0}, {info_fd, POLLIN, 0}, {signals, POLLIN, 0}};
    if (poll(watched, 3, family.is_ending() ? kKillAgainMs : -1) < 0 && errno != EINTR) break;
    if (watched[0].revents) {
      const ssize_t count = take(log_fd, bytes, sizeof bytes);
      if (count > 0) log.append(bytes, static_cast<std::size_t>(count));
    }
    if (watched[1].revents) {
      const ssize_t count = take(info_fd, bytes, sizeof bytes);
      if (count > 0) family.read_info(bytes, static_cast<std::size_t>(count));
    }
    signalfd_siginfo info;
    while (read(signals, &info, sizeof info) == sizeof info)
      if (info.ssi_signo != SIGCHLD) family.kill_all();
    alive = family.reap();
    if (alive && family.is_ending()) family.kill_all();
  }
}

int run(const Orders& orders) {
  setsid();
  prctl(PR_SET_CHILD_SUBREAPER, 1);  // A sandbox whose bubblewrap died is still waited for.
  if (chdir(orders.dir) != 0) {
    std::fprintf(stderr, "isa-shim: cannot enter %s: %s\n", orders.dir, std::strerror(errno));
    return 1;
  }
  Pipe log_pipe, info_pipe;
  const int signals = block_signals();
  if (signals < 0 || !open_pipe(log_pipe) || !open_pipe(info_pipe)) return 1;
  LogRing log(orders.log_bytes);

  const pid_t program = fork();
  if (program < 0) return 1;
  if (program == 0) {
    unblock_signals();
    become_sandbox(orders, {log_pipe.write_end, info_pipe.write_end});
  }
  // The sandbox's descriptors are the sandbox's alone: when it dies, whoever is connected learns of it at
  // once.
  close(kListenFd);
  if (!orders.is_bare) {
    close(kSeccompFd);
    close(kIoctlFilterFd);
  }
  close(log_pipe.write_end);
  close(info_pipe.write_end);

  Family family(program, orders.is_bare);
  family.write_pids();
  supervise(family, log_pipe.read_end, info_pipe.read_end, signals, log);
  return family.write_exit() ? 0 : 1;
}

}  // namespace
}  // namespace isa::shim

int main(int argc, char** argv) {
  isa::shim::Orders orders;
  if (!isa::shim::read_orders(argc, argv, orders)) return 2;
  return isa::shim::run(orders);
}
