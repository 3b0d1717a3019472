#include "sdk/tools/child.h"

#include <cerrno>
#include <csignal>
#include <cstring>
#include <spawn.h>
#include <utility>

#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

namespace isa::sdk {
namespace {

struct Pipe {
  Fd read, write;
};

Result<Pipe> make_pipe() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return from_errno(errno, "a pipe cannot be made");
  Pipe pipe{Fd(ends[0]), Fd(ends[1])};
  if (::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK) != 0) return from_errno(errno, "a pipe cannot be set up");
  return pipe;
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

  SpawnPlan(const Command& command, const Pipe& out, const Pipe& err) {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addfchdir_np(&actions, command.folder);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, out.write.get(), STDOUT_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, err.write.get(), STDERR_FILENO);
    // Asio opens its sockets without close-on-exec, and fd 3 of the runtime is the platform's own socket.
    ::posix_spawn_file_actions_addclosefrom_np(&actions, 3);
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
};

}  // namespace

Result<std::unique_ptr<Child>> Child::spawn(const asio::any_io_executor& executor,
                                            std::shared_ptr<ProcessTable> processes, const Command& command) {
  ISA_TRY(auto out, make_pipe());
  ISA_TRY(auto err, make_pipe());
  const auto argv = pointers(command.argv), env = pointers(command.env);
  const SpawnPlan plan(command, out, err);
  pid_t pid = 0;
  const int failed = ::posix_spawn(&pid, argv[0], &plan.actions, &plan.attributes, argv.data(), env.data());
  if (failed != 0) {
    return make_error(failed == ENOENT ? ErrorKind::not_found : ErrorKind::service_unavailable,
                      "{} cannot be started: {}", command.argv.front(), std::strerror(failed));
  }
  // Not pidfd_open(): glibc 2.36 declares it without extern "C".
  Fd exited(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!exited) {
    const int error = errno;
    ::kill(-pid, SIGKILL);
    processes->abandon(pid);
    return from_errno(error, "a process cannot be watched");
  }
  processes->add(pid);
  return std::unique_ptr<Child>(new Child(pid, std::move(processes), executor, std::move(out.read),
                                          std::move(err.read), std::move(exited)));
}

Child::Child(pid_t pid, std::shared_ptr<ProcessTable> processes, const asio::any_io_executor& executor,
             Fd out, Fd err, Fd exited)
    : pid_(pid),
      processes_(std::move(processes)),
      out_(executor, out.release()),
      err_(executor, err.release()),
      exited_(executor, exited.release()) {}

Child::~Child() {
  if (pid_ == 0) return;
  kill_group();
  processes_->abandon(pid_);
}

void Child::kill_group() {
  if (pid_ != 0) ::kill(-pid_, SIGKILL);
}

Task<int> Child::wait() {
  if (pid_ == 0) co_return status_;
  co_await exited_.async_wait(asio::posix::stream_descriptor::wait_read, use_task);
  // Before the leader is reaped: until then its number cannot name anybody else's group.
  kill_group();
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  processes_->remove(std::exchange(pid_, 0));
  status_ = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
  co_return status_;
}

}  // namespace isa::sdk
