#include "sdk/tools/child.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <spawn.h>
#include <utility>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace isa::sdk {
namespace {

enum class Ours { read, write };

// Of a pipe; the end that stays with us does not block.
Result<void> open_pipe(Fd& ours, Fd& of_child, Ours which) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return from_errno(errno, "a pipe cannot be made");
  ours = Fd(ends[which == Ours::read ? 0 : 1]);
  of_child = Fd(ends[which == Ours::read ? 1 : 0]);
  if (::fcntl(ours.get(), F_SETFL, O_NONBLOCK) != 0) return from_errno(errno, "a pipe cannot be set up");
  return ok();
}

winsize size_of(TerminalShape shape) {
  winsize size{};
  size.ws_col = shape.cols;
  size.ws_row = shape.rows;
  return size;
}

// Opened without becoming the terminal of this process; the first session leader that opens it gets it.
Result<void> open_terminal(Fd& master, std::string& slave, TerminalShape shape) {
  master = Fd(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK));
  char name[64];
  const auto size = size_of(shape);
  if (!master || ::grantpt(master.get()) != 0 || ::unlockpt(master.get()) != 0 ||
      ::ptsname_r(master.get(), name, sizeof name) != 0 || ::ioctl(master.get(), TIOCSWINSZ, &size) != 0)
    return from_errno(errno, "a terminal cannot be made", ErrorKind::service_unavailable);
  slave = name;
  return ok();
}

// Why a program could not be started: it, its arguments, or this machine.
ErrorKind kind_of(int failed) {
  if (failed == ENOENT) return ErrorKind::not_found;
  const bool is_short_of_something =
      failed == EAGAIN || failed == ENOMEM || failed == EMFILE || failed == ENFILE;
  return is_short_of_something ? ErrorKind::service_unavailable : ErrorKind::validation_error;
}

std::vector<char*> pointers(const std::vector<std::string>& texts) {
  std::vector<char*> to;
  for (const auto& text : texts) to.push_back(const_cast<char*>(text.c_str()));
  to.push_back(nullptr);
  return to;
}

struct SpawnPlan {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;

  explicit SpawnPlan(int folder) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addfchdir_np(&actions, folder);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    sigset_t none, all;
    ::sigemptyset(&none);
    ::sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  ~SpawnPlan() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }
  void use_pipes(int in, int out, int err) {
    if (in >= 0)
      ::posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
    else
      ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
    close_the_rest();
  }
  void use_terminal(const char* slave) {
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, slave, O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, STDIN_FILENO, STDERR_FILENO);
    close_the_rest();
  }

 private:
  // Asio opens its sockets without close-on-exec, and fd 3 of the runtime is the platform's own socket.
  void close_the_rest() { ::posix_spawn_file_actions_addclosefrom_np(&actions, 3); }
};

asio::posix::stream_descriptor adopt(const asio::any_io_executor& executor, Fd fd) {
  if (!fd) return asio::posix::stream_descriptor(executor);
  return asio::posix::stream_descriptor(executor, fd.release());
}

}  // namespace

Result<std::unique_ptr<Child>> Child::spawn(const asio::any_io_executor& executor,
                                            std::shared_ptr<ProcessTable> processes, const Command& command) {
  Streams ours, of_child;
  std::string terminal;
  SpawnPlan plan(command.folder);
  if (command.terminal) {
    ISA_TRYV(open_terminal(ours.out, terminal, *command.terminal));
    ours.in = Fd(::fcntl(ours.out.get(), F_DUPFD_CLOEXEC, 3));
    if (!ours.in) return from_errno(errno, "no descriptor is left for a terminal");
    plan.use_terminal(terminal.c_str());
  } else {
    ISA_TRYV(open_pipe(ours.out, of_child.out, Ours::read));
    ISA_TRYV(open_pipe(ours.err, of_child.err, Ours::read));
    if (command.has_input) ISA_TRYV(open_pipe(ours.in, of_child.in, Ours::write));
    plan.use_pipes(of_child.in.get(), of_child.out.get(), of_child.err.get());
  }
  const auto argv = pointers(command.argv), env = pointers(command.env);
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, argv[0], &plan.actions, &plan.attributes, argv.data(), env.data());
  if (failed != 0)
    return make_error(kind_of(failed), "{} cannot be started: {}", command.argv.front(),
                      std::strerror(failed));
  // Not pidfd_open(): glibc 2.36 declares it without extern "C".
  Fd exited(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!exited) {
    const int error = errno;
    ::kill(-pid, SIGKILL);
    processes->abandon(pid);
    return from_errno(error, "a process cannot be watched");
  }
  processes->add(pid);
  return std::unique_ptr<Child>(new Child(pid, std::move(processes), executor, std::move(ours),
                                          std::move(exited),
                                          command.has_jobs || command.terminal.has_value()));
}

Child::Child(pid_t pid, std::shared_ptr<ProcessTable> processes, const asio::any_io_executor& executor,
             Streams streams, Fd exited, bool has_jobs)
    : pid_(pid),
      has_jobs_(has_jobs),
      processes_(std::move(processes)),
      out_(adopt(executor, std::move(streams.out))),
      err_(adopt(executor, std::move(streams.err))),
      in_(adopt(executor, std::move(streams.in))),
      exited_(executor, exited.release()) {}

Child::~Child() {
  if (pid_ == 0) return;
  kill_group();
  processes_->abandon(pid_);
}

void Child::kill_group() {
  if (pid_ == 0) return;
  ::kill(-pid_, SIGKILL);
  if (has_jobs_) kill_session(pid_);
}

void Child::signal_group(int number) {
  if (number == SIGKILL) return kill_group();
  if (pid_ != 0) ::kill(-pid_, number);
}

Result<void> Child::resize(TerminalShape shape) {
  const auto size = size_of(shape);
  if (::ioctl(out_.native_handle(), TIOCSWINSZ, &size) == 0) return ok();
  return from_errno(errno, "the terminal cannot be resized");
}

Task<ChildEnd> Child::wait() {
  if (pid_ == 0) co_return end_;
  co_await exited_.async_wait(asio::posix::stream_descriptor::wait_read, use_task);
  // Before the leader is reaped: until then its number cannot name anybody else's group.
  kill_group();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  processes_->remove(std::exchange(pid_, 0));
  if (WIFSIGNALED(status))
    end_.signal = WTERMSIG(status);
  else
    end_.code = WEXITSTATUS(status);
  co_return end_;
}

}  // namespace isa::sdk
