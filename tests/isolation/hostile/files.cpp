// Reading what is the host's or another sandbox's, and writing where the kernel or the platform listens.
#include "attempt.h"

#include <cstring>
#include <dirent.h>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

namespace hostile {
namespace {

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  DIR* open_folder = opendir(folder.c_str());
  if (!open_folder) return names;
  while (const dirent* entry = readdir(open_folder)) names.emplace_back(entry->d_name);
  closedir(open_folder);
  return names;
}

std::string whole(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

bool is_number(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string::npos;
}

// The first place below /proc whose file of that name holds the text.
Got search_processes(const char* file, const std::string& text) {
  if (text.empty()) return {"no target", ""};
  for (const auto& name : names_in("/proc")) {
    if (!is_number(name) || std::stoi(name) == getpid() || std::stoi(name) == getppid()) continue;
    if (whole("/proc/" + name + "/" + file).find(text) != std::string::npos)
      return allowed("/proc/" + name + "/" + file);
  }
  return {"not found", ""};
}

Got block_devices(const Targets&) {
  for (const char* folder : {"/dev", "/dev/mapper", "/dev/block"})
    for (const auto& name : names_in(folder)) {
      struct stat status{};
      const auto path = std::string(folder) + "/" + name;
      if (stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode)) return allowed(path);
    }
  return {"not found", ""};
}

Got kernel_addresses(const Targets&) {
  std::ifstream symbols("/proc/kallsyms");
  std::string address;
  if (!(symbols >> address)) return {"empty", ""};
  return address.find_first_not_of('0') == std::string::npos ? Got{"zeros", ""} : allowed(address);
}

Got make_device(mode_t kind, dev_t device) {
  const char* path = "/workspace/device";
  const Got got = by_result(mknod(path, kind | 0666, device));
  unlink(path);
  return got;
}

Got try_folder(const std::string& path) {
  if (path.empty()) return {"no target", ""};
  DIR* folder = opendir(path.c_str());
  if (!folder) return refused(errno, path);
  closedir(folder);
  return allowed(path);
}

// A replaced socket would receive what the platform or the agent sends next.
Got put_own_socket(const std::string& path) {
  const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const Got got = by_result(bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  close(fd);
  return got;
}

Got host_path_in_mountinfo(const Targets& targets) {
  const auto data = target(targets, "data");
  if (data.empty()) return {"no target", ""};
  return whole("/proc/self/mountinfo").find(data) != std::string::npos ? Got{"name seen", ""}
                                                                       : Got{"not found", ""};
}

}  // namespace

std::vector<Attempt> files() {
  return {
      {"read /etc/shadow", [](const Targets&) { return try_read("/etc/shadow"); }},
      {"list /root", [](const Targets&) { return try_folder("/root"); }},
      {"list /home", [](const Targets&) { return try_folder("/home"); }},
      {"list /var/lib", [](const Targets&) { return try_folder("/var/lib"); }},
      {"read a secret in the host's /tmp", [](const Targets& t) { return try_read(target(t, "secret")); }},
      {"list the platform's data folder", [](const Targets& t) { return try_folder(target(t, "data")); }},
      {"list another sandbox's workspace",
       [](const Targets& t) { return try_folder(target(t, "other") + "/workspace"); }},
      {"read the record of its own sandbox",
       [](const Targets& t) { return try_read(target(t, "own") + "/record.json"); }},
      {"reach the host by the root of process 1",
       [](const Targets& t) { return try_read("/proc/1/root" + target(t, "secret")); }},
      {"reach the host by the working folder of process 1",
       [](const Targets& t) { return try_read("/proc/1/cwd/../../../../.." + target(t, "secret")); }},
      {"climb out by ..",
       [](const Targets& t) { return try_read("/workspace/../../../../../.." + target(t, "secret")); }},
      {"find the data folder in the mount table", host_path_in_mountinfo},
      {"find the data folder in a command line",
       [](const Targets& t) { return search_processes("cmdline", target(t, "data")); }},
      {"find the data folder in an environment",
       [](const Targets& t) { return search_processes("environ", target(t, "data")); }},
      {"read /proc/kcore", [](const Targets&) { return try_read("/proc/kcore"); }},
      {"read /proc/kmsg", [](const Targets&) { return try_read("/proc/kmsg"); }},
      {"read /dev/kmsg", [](const Targets&) { return try_read("/dev/kmsg"); }},
      {"read /dev/mem", [](const Targets&) { return try_read("/dev/mem"); }},
      {"read /dev/port", [](const Targets&) { return try_read("/dev/port"); }},
      {"read /proc/keys of others", [](const Targets&) { return try_read("/proc/keys"); }},
      {"read addresses of the kernel", kernel_addresses},
      {"read /proc/kpagecount", [](const Targets&) { return try_read("/proc/kpagecount"); }},
      {"read /proc/slabinfo", [](const Targets&) { return try_read("/proc/slabinfo"); }},
      {"find a block device", block_devices},
      {"make a block device", [](const Targets&) { return make_device(S_IFBLK, makedev(8, 0)); }},
      {"make a character device", [](const Targets&) { return make_device(S_IFCHR, makedev(1, 1)); }},
      {"open /dev/net/tun", [](const Targets&) { return try_read("/dev/net/tun"); }},
      {"open /dev/fuse", [](const Targets&) { return try_read("/dev/fuse"); }},
      {"open /dev/kvm", [](const Targets&) { return try_read("/dev/kvm"); }},
      {"write /proc/sysrq-trigger", [](const Targets&) { return try_write("/proc/sysrq-trigger", "h"); }},
      {"write /proc/sys/kernel/core_pattern",
       [](const Targets&) { return try_write("/proc/sys/kernel/core_pattern", "|/workspace/x"); }},
      {"write /proc/sys/kernel/modprobe",
       [](const Targets&) { return try_write("/proc/sys/kernel/modprobe", "/workspace/x"); }},
      {"write /proc/sys/vm/drop_caches",
       [](const Targets&) { return try_write("/proc/sys/vm/drop_caches", "3"); }},
      {"register a binary format",
       [](const Targets&) { return try_write("/proc/sys/fs/binfmt_misc/register", ":x:M::x::/x:"); }},
      {"raise max_user_namespaces",
       [](const Targets&) { return try_write("/proc/sys/user/max_user_namespaces", "100"); }},
      {"map the host's root in its user namespace",
       [](const Targets&) { return try_write("/proc/self/uid_map", "0 0 1"); }},
      {"allow setgroups again", [](const Targets&) { return try_write("/proc/self/setgroups", "allow"); }},
      {"escape the killer of memory",
       [](const Targets&) { return try_write("/proc/self/oom_score_adj", "-1000"); }},
      {"write a file of sysfs", [](const Targets&) { return try_write("/sys/kernel/uevent_helper", "/x"); }},
      {"leave its control group",
       [](const Targets&) { return try_write("/sys/fs/cgroup/cgroup.procs", "0"); }},
      {"leave its control group of version 1",
       [](const Targets&) { return try_write("/sys/fs/cgroup/pids/cgroup.procs", "0"); }},
      {"run a program by a release agent",
       [](const Targets&) { return try_write("/sys/fs/cgroup/memory/release_agent", "/workspace/x"); }},
      {"raise its own memory limit",
       [](const Targets&) { return try_write("/sys/fs/cgroup/memory/memory.limit_in_bytes", "-1"); }},
      {"change a program", [](const Targets&) { return try_write("/usr/bin/env", "x"); }},
      {"change the runtime", [](const Targets&) { return try_write("/proc/1/exe", "x"); }},
      {"change the list of users", [](const Targets&) { return try_write("/etc/passwd", "x"); }},
      {"remove the broker's socket",
       [](const Targets&) { return by_result(unlink("/run/isa/broker.sock")); }},
      {"move the broker's folder away",
       [](const Targets&) { return by_result(rename("/run/isa", "/run/other")); }},
      {"put its own socket beside the broker's",
       [](const Targets&) { return put_own_socket("/run/isa/agent.sock"); }},
      {"reach the agent socket by its path",
       [](const Targets& t) { return try_read(target(t, "own") + "/agent.sock"); }},
      {"link a program of the host into the workspace",
       [](const Targets&) { return by_result(link("/usr/bin/env", "/workspace/env")); }},
  };
}

}  // namespace hostile
