// Staying after the end, or making the platform's own cleaning fail, hang or reach into the host.
#include "attempt.h"

#include <cstdlib>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace hostile {
namespace {

const std::string kFolder = "/workspace/left";

std::string folder() {
  mkdir(kFolder.c_str(), 0777);
  return kFolder;
}

// Double fork, a session of its own, every signal ignored; named by the suite, to be looked for outside.
Got daemon_process(const Targets& targets) {
  const auto name = target(targets, "daemon");
  if (name.empty()) return {"no target", ""};
  const pid_t child = fork();
  if (child < 0) return refused(errno);
  if (child > 0) return allowed();
  setsid();
  if (fork() != 0) _exit(0);
  alarm(0);
  for (int number = 1; number <= SIGRTMAX; ++number) signal(number, SIG_IGN);
  for (int fd = 0; fd < 64; ++fd) close(fd);
  execl("/bin/sleep", "sleep", name.c_str(), nullptr);
  _exit(1);
}

Got deep_tree(const Targets& targets) {
  const auto depth = std::strtol(target(targets, "depth").c_str(), nullptr, 10);
  if (chdir(folder().c_str()) != 0) return refused(errno);
  for (long i = 0; i < depth; ++i)
    if (mkdir("deep", 0700) != 0 || chdir("deep") != 0) return refused(errno, std::to_string(i));
  const int fd = open("bottom", O_WRONLY | O_CREAT, 0600);
  if (fd < 0) return refused(errno);
  close(fd);
  return allowed();
}

Got many_files(const Targets& targets) {
  const auto count = std::strtol(target(targets, "count").c_str(), nullptr, 10);
  for (long i = 0; i < count; ++i) {
    const int fd = open((folder() + "/f" + std::to_string(i)).c_str(), O_WRONLY | O_CREAT, 0600);
    if (fd < 0) return refused(errno, std::to_string(i));
    close(fd);
  }
  return allowed();
}

Got closed_folders(const Targets&) {
  const auto outer = folder() + "/closed";
  mkdir(outer.c_str(), 0700);
  mkdir((outer + "/inner").c_str(), 0700);
  close(open((outer + "/inner/file").c_str(), O_WRONLY | O_CREAT, 0000));
  if (chmod((outer + "/inner").c_str(), 0000) != 0) return refused(errno);
  return by_result(chmod(outer.c_str(), 0000));
}

Got links(const Targets& targets) {
  const auto secret = target(targets, "secret");
  if (secret.empty()) return {"no target", ""};
  const auto at = folder();
  const std::pair<std::string, const char*> wanted[] = {
      {secret, "/link-to-file"},
      {secret.substr(0, secret.rfind('/')), "/link-to-folder"},
      {"/", "/link-to-root"},
      {"/proc/1/root", "/link-to-proc"},
      {"link-to-itself", "/link-to-itself"}};
  for (const auto& [to, name] : wanted)
    if (symlink(to.c_str(), (at + name).c_str()) != 0) return refused(errno, name);
  return allowed();
}

Got fifo(const Targets&) {
  return by_result(mkfifo((folder() + "/fifo").c_str(), 0666));
}

Got socket_file(const Targets&) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strcpy(address.sun_path, (folder() + "/socket").c_str());
  return by_result(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
}

Got strange_names(const Targets&) {
  for (const char* name : {"with\nnewline", "\x1b[2Jescape", "\xff\xfe not text", "-rf", "...", " "}) {
    const int fd = open((folder() + "/" + name).c_str(), O_WRONLY | O_CREAT, 0600);
    if (fd < 0) return refused(errno, name);
    close(fd);
  }
  const int fd = open((folder() + "/" + std::string(255, 'n')).c_str(), O_WRONLY | O_CREAT, 0600);
  return by_result(fd);
}

Got setuid_file(const Targets&) {
  const auto path = folder() + "/setuid";
  const int fd = open(path.c_str(), O_WRONLY | O_CREAT, 0755);
  if (fd < 0) return refused(errno);
  return by_result(fchmod(fd, 06755));
}

// Its size says nothing of the place that it takes.
Got hole(const char* name, off_t size) {
  const int fd = open((folder() + name).c_str(), O_WRONLY | O_CREAT, 0600);
  if (fd < 0) return refused(errno);
  return by_result(ftruncate(fd, size));
}

}  // namespace

std::vector<Attempt> leave_behind() {
  return {
      {"a process that nobody waits for", daemon_process},
      {"a deep tree", deep_tree},
      {"many files", many_files},
      {"folders that nobody may enter", closed_folders},
      {"links that lead out", links},
      {"a fifo", fifo},
      {"a socket", socket_file},
      {"names that are no names", strange_names},
      {"a file that makes root of whoever runs it", setuid_file},
      {"a hole within the limit of a disk", [](const Targets&) { return hole("/hole", 512LL << 20); }},
      {"a file of a terabyte", [](const Targets&) { return hole("/terabyte", 1LL << 40); }},
  };
}

}  // namespace hostile
