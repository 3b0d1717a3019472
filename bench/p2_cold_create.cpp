// P2: from the order of a sandbox to the first 200 of the runtime in it, beside bare bwrap and docker run of
// the same runtime.
#include "base/ids.h"
#include "base/json.h"
#include "figures.h"
#include "http.h"
#include "platform_process.h"
#include "samples.h"

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <spawn.h>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::bench {
namespace {

constexpr int kRounds = 7;
constexpr int kPerRound = 12;
constexpr int kDockerPerRound = 2;
constexpr auto kPoll = std::chrono::microseconds(100);

pid_t start(std::vector<std::string> command) {
  std::vector<char*> argv;
  for (auto& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  pid_t pid = -1;
  if (posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), environ) != 0)
    die("cannot start " + command[0]);
  posix_spawn_file_actions_destroy(&actions);
  return pid;
}

void wait_for_200(const std::string& socket) {
  const auto at = net::Endpoint::unix_socket(socket);
  for (;;) {
    if (const auto fd = connect_to(at)) {
      close(*fd);
      if (Connection(at).call("GET", "/health").status == 200) return;
    }
    std::this_thread::sleep_for(kPoll);
  }
}

double platform_create(Connection& cloud_os) {
  const auto begin = Clock::now();
  const auto answer = cloud_os.call("POST", "/api/v1/vms", "{}");
  if (answer.status != 200 && answer.status != 201) die("create: " + answer.body);
  const auto vm = json::parse(answer.body).value();
  wait_for_200(std::string(vm.at("endpoint").at("unix").as_string()));
  const double took = millis_since(begin);
  cloud_os.call("DELETE", "/api/v1/vms/" + std::string(vm.at("vm_id").as_string()));
  return took;
}

double bare_bwrap(const std::string& folder) {
  const auto workspace = folder + "/" + random_hex(4);
  std::filesystem::create_directories(workspace);
  const auto begin = Clock::now();
  const pid_t pid = start({"bwrap",
                           "--unshare-all",
                           "--as-pid-1",
                           "--die-with-parent",  // It is the outer process that is killed below.
                           "--new-session",
                           "--cap-drop",
                           "ALL",
                           "--ro-bind",
                           "/usr",
                           "/usr",
                           "--symlink",
                           "usr/lib",
                           "/lib",
                           "--symlink",
                           "usr/lib64",
                           "/lib64",
                           "--symlink",
                           "usr/bin",
                           "/bin",
                           "--proc",
                           "/proc",
                           "--dev",
                           "/dev",
                           "--tmpfs",
                           "/tmp",
                           "--ro-bind",
                           program_folder() + "/isa-runtime",
                           "/opt/isa-runtime",
                           "--bind",
                           workspace,
                           "/workspace",
                           "/opt/isa-runtime",
                           "--listen",
                           "unix:/workspace/s.sock"});
  wait_for_200(workspace + "/s.sock");
  const double took = millis_since(begin);
  kill(pid, SIGKILL);
  waitpid(pid, nullptr, 0);
  return took;
}

double docker_run(const std::string& folder) {
  const auto name = random_hex(4);
  const auto workspace = folder + "/" + name;
  std::filesystem::create_directories(workspace);
  const auto begin = Clock::now();
  const pid_t pid =
      start({"docker", "run", "--rm", "--name", name, "--network", "none", "-v", workspace + ":/workspace",
             "isa-bench-runtime", "/isa-runtime", "--listen", "unix:/workspace/s.sock"});
  wait_for_200(workspace + "/s.sock");
  const double took = millis_since(begin);
  waitpid(start({"docker", "kill", name}), nullptr, 0);
  waitpid(pid, nullptr, 0);
  return took;
}

bool import_docker_image() {
  const auto command =
      "tar -C '" + program_folder() + "' -c isa-runtime | docker import - isa-bench-runtime >/dev/null 2>&1";
  return std::system(command.c_str()) == 0;
}

}  // namespace

void cold_create() {
  const PlatformProcess platform({"pool.agent.warm=0"});
  Connection cloud_os(platform.role("cloud_os"));
  const bool has_docker = import_docker_image();
  const std::string folder = "/tmp/isa-bench-" + random_hex(4);
  std::vector<double> ours, bare, docker;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> creates, by_hand, containers;
    for (int i = 0; i < kPerRound; ++i) {
      creates.push_back(platform_create(cloud_os));
      by_hand.push_back(bare_bwrap(folder));
    }
    for (int i = 0; has_docker && i < kDockerPerRound; ++i) containers.push_back(docker_run(folder));
    ours.push_back(percentile(creates, 50));
    bare.push_back(percentile(by_hand, 50));
    if (has_docker) docker.push_back(percentile(containers, 50));
  }
  print(compare("P2", "cold create -> first 200 of the runtime", ours, "bare bwrap", bare, " ms", 1.3));
  if (has_docker) {
    print(compare("P2", "cold create -> first 200 of the runtime", ours, "docker run", docker, " ms", 0.1));
  } else {
    std::printf(
        "| P2 | the same beside docker run | not measured: no Docker engine answers | | | <= 0.1x | |\n");
  }
  std::filesystem::remove_all(folder);
}

}  // namespace isa::bench
