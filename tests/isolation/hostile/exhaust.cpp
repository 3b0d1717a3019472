// Taking more than its share. What stops each try is the answer: an error, or death.
#include "attempt.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

namespace hostile {
namespace {

constexpr std::size_t kMegabyte = 1 << 20;

std::size_t number(const Targets& targets, const char* name, std::size_t otherwise) {
  const auto text = target(targets, name);
  return text.empty() ? otherwise : std::strtoul(text.c_str(), nullptr, 10);
}

Got memory(const Targets& targets) {
  const auto megabytes = number(targets, "megabytes", 4096);
  for (std::size_t i = 0; i < megabytes; ++i) {
    void* page = mmap(nullptr, kMegabyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) return refused(errno, std::to_string(i) + " MB");
    std::memset(page, 1, kMegabyte);
  }
  return allowed(std::to_string(megabytes) + " MB");
}

// Memory that no process holds once its maker is dead.
Got hidden_memory(const Targets& targets) {
  const auto megabytes = number(targets, "megabytes", 4096);
  const int fd = memfd_create("hidden", 0);
  if (fd < 0) return refused(errno);
  const std::string block(kMegabyte, 'x');
  for (std::size_t i = 0; i < megabytes; ++i)
    if (write(fd, block.data(), block.size()) < 0) return refused(errno, std::to_string(i) + " MB");
  return allowed(std::to_string(megabytes) + " MB");
}

// Children wait for the end of this process.
Got forks(const Targets& targets) {
  const auto wanted = number(targets, "forks", 100'000);
  for (std::size_t i = 0; i < wanted; ++i) {
    const pid_t child = fork();
    if (child < 0) {
      const Got got = refused(errno, std::to_string(i) + " children");
      kill(0, SIGTERM);  // Ends them all; this process ignores it.
      return got;
    }
    if (child == 0) {
      signal(SIGTERM, SIG_DFL);
      pause();
      _exit(0);
    }
  }
  kill(0, SIGTERM);
  return allowed(std::to_string(wanted) + " children");
}

Got forks_in_own_group(const Targets& targets) {
  setpgid(0, 0);
  signal(SIGTERM, SIG_IGN);
  return forks(targets);
}

Got fill(const std::string& path, std::size_t megabytes) {
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0) return refused(errno);
  const std::string block(kMegabyte, 'x');
  Got got = allowed(std::to_string(megabytes) + " MB");
  for (std::size_t i = 0; i < megabytes; ++i)
    if (write(fd, block.data(), block.size()) < static_cast<ssize_t>(block.size())) {
      got = refused(errno, std::to_string(i) + " MB");
      break;
    }
  close(fd);
  unlink(path.c_str());
  return got;
}

template <class Make>
Got many(std::size_t wanted, Make make) {
  for (std::size_t i = 0; i < wanted; ++i)
    if (make(i) < 0) return refused(errno, std::to_string(i));
  return allowed(std::to_string(wanted));
}

Got descriptors(const Targets&) {
  return many(1'000'000, [](std::size_t) { return open("/dev/null", O_RDONLY); });
}

Got sockets(const Targets&) {
  return many(1'000'000, [](std::size_t) { return socket(AF_UNIX, SOCK_STREAM, 0); });
}

Got watchers(const Targets&) {
  return many(1'000'000, [](std::size_t) { return inotify_init1(IN_CLOEXEC); });
}

Got pipes(const Targets&) {
  return many(1'000'000, [](std::size_t) {
    int ends[2];
    if (pipe(ends) != 0) return -1;
    fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
    return 0;
  });
}

Got locked_memory(const Targets&) {
  void* page = mmap(nullptr, 512 * kMegabyte, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return refused(errno);
  return by_result(mlock(page, 512 * kMegabyte));
}

// Past what the kernel takes for one program.
Got arguments(const Targets&) {
  const std::string huge(3 << 20, 'a');
  char* words[] = {const_cast<char*>("/bin/true"), const_cast<char*>(huge.c_str()), nullptr};
  char* environment[] = {const_cast<char*>(huge.c_str()), nullptr};
  execve("/bin/true", words, environment);
  return refused(errno);
}

Got log_volume(const Targets& targets) {
  const auto megabytes = number(targets, "log", 64);
  const std::string line(1023, 'l');
  const int fd = open("/proc/1/fd/1", O_WRONLY);
  if (fd < 0) return refused(errno);
  for (std::size_t i = 0; i < megabytes * 1024; ++i)
    if (write(fd, (line + "\n").data(), 1024) < 0) return refused(errno);
  return allowed();
}

}  // namespace

std::vector<Attempt> exhaust() {
  return {
      {"file handles", descriptors},
      {"sockets", sockets},
      {"watchers of files", watchers},
      {"pipes", pipes},
      {"locked memory", locked_memory},
      {"arguments and environment", arguments},
      {"the log of the runtime", log_volume},
      {"/dev/shm", [](const Targets& t) { return fill("/dev/shm/big", number(t, "megabytes", 4096)); }},
      {"/tmp", [](const Targets& t) { return fill("/tmp/big", number(t, "megabytes", 4096)); }},
      {"/run", [](const Targets& t) { return fill("/run/big", number(t, "megabytes", 4096)); }},
      {"the workspace", [](const Targets& t) { return fill("/workspace/big", number(t, "disk", 1)); }},
      {"processes", forks_in_own_group},
      {"memory of a file without a name", hidden_memory},
      {"memory", memory},
  };
}

}  // namespace hostile
