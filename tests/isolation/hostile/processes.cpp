// Reaching other processes: the first one of the sandbox, and those of the host.
#include "attempt.h"

#include <cstring>
#include <dirent.h>

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

namespace hostile {
namespace {

// A signal that process 1 survives was not delivered. Whether the runtime still works is seen from outside.
Got signal_first(int number) {
  if (kill(1, number) != 0) return refused(errno);
  return kill(1, 0) == 0 ? Got{"ignored", ""} : allowed("process 1 is gone");
}

Got every_signal(const Targets&) {
  for (int number = 1; number <= SIGRTMAX; ++number)
    if (const Got got = signal_first(number); got.what != "ignored")
      return {got.what, "signal " + std::to_string(number)};
  return {"ignored", ""};
}

Got signal_by_pidfd(const Targets&) {
  const long fd = syscall(SYS_pidfd_open, 1, 0);
  if (fd < 0) return refused(errno);
  if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, nullptr, 0) != 0) return refused(errno);
  return kill(1, 0) == 0 ? Got{"ignored", ""} : allowed("process 1 is gone");
}

Got take_descriptor(const Targets&) {
  const long fd = syscall(SYS_pidfd_open, 1, 0);
  if (fd < 0) return refused(errno);
  return by_result(syscall(SYS_pidfd_getfd, fd, 3, 0));
}

Got read_memory(const Targets&) {
  char bytes[16];
  iovec local{bytes, sizeof bytes}, remote{reinterpret_cast<void*>(0x400000), sizeof bytes};
  return by_result(process_vm_readv(1, &local, 1, &remote, 1, 0));
}

Got write_memory(const Targets&) {
  char bytes[16] = {};
  iovec local{bytes, sizeof bytes}, remote{reinterpret_cast<void*>(0x400000), sizeof bytes};
  return by_result(process_vm_writev(1, &local, 1, &remote, 1, 0));
}

// By numbers that are the host's: they must name nobody here.
template <class Try>
Got host_processes(const Targets& targets, Try one) {
  const auto pids = split(target(targets, "pids"), ',');
  if (pids.empty()) return {"no target", ""};
  Got last;
  for (const auto& pid : pids) {
    last = one(std::stoi(pid));
    if (last.what == "allowed") return {"allowed", pid};
  }
  return last;
}

Got signal_host(const Targets& targets) {
  return host_processes(targets, [](int pid) { return by_result(kill(pid, 0)); });
}

Got look_at_host(const Targets& targets) {
  return host_processes(targets,
                        [](int pid) { return try_read("/proc/" + std::to_string(pid) + "/cmdline"); });
}

Got list_descriptors(const Targets&) {
  DIR* folder = opendir("/proc/1/fd");
  if (!folder) return refused(errno);
  closedir(folder);
  return allowed();
}

// The channel to the platform is descriptor 3 of process 1, and of nobody else.
Got answer_for_runtime(const Targets&) {
  for (int fd = 3; fd < 1024; ++fd) {
    int listens = 0;
    socklen_t size = sizeof listens;
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) == 0 && listens)
      return allowed("descriptor " + std::to_string(fd));
  }
  return {"not found", ""};
}

Got real_time(const Targets&) {
  const sched_param priority{50};
  return by_result(sched_setscheduler(0, SCHED_FIFO, &priority));
}

Got be_root(const Targets&) {
  if (setresuid(0, 0, 0) != 0) return refused(errno);
  return allowed("user " + std::to_string(geteuid()));
}

}  // namespace

std::vector<Attempt> processes() {
  return {
      {"kill process 1", [](const Targets&) { return signal_first(SIGKILL); }},
      {"stop process 1", [](const Targets&) { return signal_first(SIGSTOP); }},
      {"end process 1 politely", [](const Targets&) { return signal_first(SIGTERM); }},
      {"every signal to process 1", every_signal},
      {"kill process 1 by descriptor", signal_by_pidfd},
      {"take a descriptor of process 1", take_descriptor},
      {"list the descriptors of process 1", list_descriptors},
      {"trace process 1",
       [](const Targets&) { return by_result(ptrace(PTRACE_ATTACH, 1, nullptr, nullptr)); }},
      {"seize process 1",
       [](const Targets&) { return by_result(ptrace(PTRACE_SEIZE, 1, nullptr, nullptr)); }},
      {"read the memory of process 1", read_memory},
      {"write the memory of process 1", write_memory},
      {"open the memory of process 1", [](const Targets&) { return try_read("/proc/1/mem"); }},
      {"read the environment of process 1", [](const Targets&) { return try_read("/proc/1/environ"); }},
      {"read the map of process 1", [](const Targets&) { return try_read("/proc/1/maps"); }},
      {"answer in the runtime's place", answer_for_runtime},
      {"signal a process of the host", signal_host},
      {"look at a process of the host", look_at_host},
      {"run in real time", real_time},
      {"become root", be_root},
  };
}

}  // namespace hostile
