#include "child.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

namespace isa::shim {
namespace {

[[noreturn]] void fail(const char* what, const char* which) {
  std::fprintf(stderr, "isa-shim: cannot %s %s: %s\n", what, which, std::strerror(errno));
  _exit(125);
}

bool write_file(const char* path, const char* text) {
  const int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  const bool written = write(fd, text, std::strlen(text)) == static_cast<ssize_t>(std::strlen(text));
  const int kept = errno;
  close(fd);
  errno = kept;
  return written;
}

// Before anything else runs, so that no process of the sandbox is ever outside of its limits.
void join_cgroups(const Orders& orders) {
  for (std::size_t i = 0; i < orders.cgroup_count; ++i) {
    char path[4096];
    std::snprintf(path, sizeof path, "%s/cgroup.procs", orders.cgroups[i]);
    if (!write_file(path, "0")) fail("join the cgroup", path);
  }
}

// When the whole host runs out of memory, sandboxes go before the platform.
void limit_process(const Orders& orders) {
  write_file("/proc/self/oom_score_adj", "500");  // Not allowed everywhere; then the kernel chooses alone.
  const rlimit no_core{0, 0};
  setrlimit(RLIMIT_CORE, &no_core);
  const rlimit file_size{orders.file_bytes, orders.file_bytes};
  if (orders.file_bytes > 0) setrlimit(RLIMIT_FSIZE, &file_size);
  const rlimit files{4096, 16384};
  rlimit current{};
  if (getrlimit(RLIMIT_NOFILE, &current) == 0 && current.rlim_max >= files.rlim_max)
    setrlimit(RLIMIT_NOFILE, &files);
}

bool make_mount_point(const Stage& stage, const char* target) {
  struct stat source{};
  if (stat(stage.source, &source) != 0) return false;
  if (S_ISDIR(source.st_mode)) return mkdir(target, 0755) == 0;
  const int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  close(fd);
  return true;
}

// The data folder may lie below one that only root may enter. In a mount namespace of this process alone its
// parts are bound under a tmpfs that the sandbox's uid can reach; nothing of it is seen from outside and
// nothing has to be unmounted.
void stage_folders(const Orders& orders) {
  if (unshare(CLONE_NEWNS) != 0) fail("make a mount namespace for", orders.dir);
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) fail("make private the mounts of", "/");
  // The folders are opened by their host paths after /tmp is covered, and a data folder may be below /tmp:
  // hold on to them by descriptor first.
  char held[16][64];
  for (std::size_t i = 0; i < orders.stage_count; ++i) {
    const int fd = open(orders.stages[i].source, O_PATH | O_CLOEXEC);
    if (fd < 0) fail("open", orders.stages[i].source);
    std::snprintf(held[i], sizeof held[i], "/proc/self/fd/%d", fd);
  }
  if (mount("isa", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755,size=1m") != 0)
    fail("mount a tmpfs on", "/tmp");
  if (mkdir(kStageFolder, 0755) != 0) fail("make", kStageFolder);
  for (std::size_t i = 0; i < orders.stage_count; ++i) {
    char target[256];
    std::snprintf(target, sizeof target, "%s/%s", kStageFolder, orders.stages[i].name);
    const Stage from{orders.stages[i].name, held[i]};
    if (!make_mount_point(from, target)) fail("stage", orders.stages[i].source);
    if (mount(held[i], target, nullptr, MS_BIND, nullptr) != 0) fail("bind", orders.stages[i].source);
  }
}

void drop_root(const Orders& orders) {
  if (setgroups(0, nullptr) != 0) fail("drop the groups of", "root");
  if (setresgid(orders.gid, orders.gid, orders.gid) != 0) fail("set the group of", orders.dir);
  if (setresuid(orders.uid, orders.uid, orders.uid) != 0) fail("set the user of", orders.dir);
}

void place(int from, int to) {
  if (from != to && dup2(from, to) < 0) fail("pass on a descriptor to", "the sandbox");
}

// What it returns lives until execve.
char** read_environment(const char* dir) {
  char path[4096];
  std::snprintf(path, sizeof path, "%s/environment", dir);
  const int fd = open(path, O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (fd < 0 || fstat(fd, &status) != 0) fail("read", path);
  const auto size = static_cast<std::size_t>(status.st_size);
  auto* text = static_cast<char*>(std::malloc(size + 1));
  auto* variables = static_cast<char**>(std::calloc(size + 1, sizeof(char*)));
  if (!text || !variables) fail("hold", path);
  errno = EIO;
  if (read(fd, text, size) != static_cast<ssize_t>(size)) fail("read all of", path);
  close(fd);
  text[size] = '\0';
  std::size_t count = 0;
  for (const char* at = text; at < text + size; at += std::strlen(at) + 1)
    variables[count++] = const_cast<char*>(at);
  return variables;
}

[[noreturn]] void become_bare_program(const Orders& orders) {
  join_cgroups(orders);
  limit_process(orders);
  char* const* variables = read_environment(orders.dir);
  if (chdir("workspace") != 0) fail("enter the workspace in", orders.dir);
  // A program that became another user could not be killed with the others.
  if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("give up setuid programs for", orders.dir);
  setsid();  // A signal to its process group is not for the shim.
  close_range(kListenFd + 1, ~0U, 0);
  umask(0022);
  execve(orders.program[0], orders.program, variables);
  fail("execute", orders.program[0]);
}

}  // namespace

void become_sandbox(const Orders& orders, ChildPipes pipes) {
  // The pipes first: what fails below is then said in the sandbox's log. Both are above kInfoFd (see
  // main.cpp).
  place(pipes.log, STDOUT_FILENO);
  place(pipes.log, STDERR_FILENO);
  if (orders.is_bare) become_bare_program(orders);
  char path[4096];
  std::snprintf(path, sizeof path, "%s/bwrap.args", orders.dir);
  const int args = open(path, O_RDONLY);
  if (args < 0) fail("read", path);
  const int null = open("/dev/null", O_RDONLY);
  if (null < 0) fail("open", "/dev/null");
  place(null, STDIN_FILENO);

  join_cgroups(orders);
  limit_process(orders);
  if (orders.drop) {
    stage_folders(orders);
    drop_root(orders);
  }
  place(args, kArgsFd);  // First: args may itself stand where the next one goes.
  place(pipes.info, kInfoFd);
  close_range(kInfoFd + 1, ~0U, 0);
  umask(0022);
  char* const no_environment[] = {nullptr};
  execve(orders.program[0], orders.program, no_environment);
  fail("execute", orders.program[0]);
}

}  // namespace isa::shim
