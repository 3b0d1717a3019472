#include "runtime/first_process.h"

#include <net/if.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <malloc.h>
#include <system_error>

#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

namespace isa::runtime {
namespace {

sigset_t watched_signals() {
  sigset_t set;
  ::sigemptyset(&set);
  for (const int signal : {SIGCHLD, SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&set, signal);
  return set;
}

int open_signals() {
  const sigset_t set = watched_signals();
  const int fd = ::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) throw std::system_error(errno, std::generic_category(), "signalfd");
  return fd;
}

}  // namespace

void become_first_process() {
  // Each further arena is memory of its own, and one thread does nearly all the work.
  ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TRIM_THRESHOLD, 128 << 10);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER,
          1);  // What pid 1 is anyway; so it holds for a runtime that is run by hand, too.
  ::signal(SIGPIPE, SIG_IGN);
  ::signal(SIGXFSZ, SIG_IGN);  // A file that would become too large is an error of the write.
  const sigset_t set = watched_signals();
  ::sigprocmask(SIG_BLOCK, &set, nullptr);
}

Result<void> bring_up_loopback() {
  const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return from_errno(errno, "no socket to look at the loopback interface with");
  ifreq request{};
  std::strncpy(request.ifr_name, "lo", sizeof request.ifr_name - 1);
  bool is_up = ::ioctl(fd, SIOCGIFFLAGS, &request) == 0 && (request.ifr_flags & IFF_UP) != 0;
  int error = errno;
  if (!is_up) {
    request.ifr_flags |= IFF_UP;
    is_up = ::ioctl(fd, SIOCSIFFLAGS, &request) == 0;
    error = errno;
  }
  ::close(fd);
  if (!is_up) return from_errno(error, "the loopback interface is down and cannot be brought up");
  return ok();
}

SignalWatch::SignalWatch(const asio::any_io_executor& executor, std::shared_ptr<sdk::ProcessTable> processes)
    : signals_(executor, open_signals()), processes_(std::move(processes)) {}

Task<void> SignalWatch::wait_for_stop() {
  do {
    co_await signals_.async_wait(asio::posix::stream_descriptor::wait_read, use_task);
  } while (!read_signals());
}

bool SignalWatch::read_signals() {
  bool stop = false;
  signalfd_siginfo info{};
  while (::read(signals_.native_handle(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
    // Seen from pid 1 a sender outside of the sandbox has no number. Those inside have no say.
    const bool is_from_inside = ::getpid() == 1 && info.ssi_pid != 0;
    if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGHUP && !is_from_inside) stop = true;
  }
  processes_->reap();
  return stop;
}

}  // namespace isa::runtime
