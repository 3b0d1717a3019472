// P2: from the order of a sandbox to the first 200 of the runtime in it, beside bare bwrap and docker run of
// the same runtime.
#include "base/ids.h"
#include "base/json.h"
#include "child_process.h"
#include "figures.h"
#include "http.h"
#include "platform_process.h"
#include "samples.h"
#include "small_root.h"

#include <csignal>
#include <filesystem>
#include <optional>
#include <thread>

#include <unistd.h>

namespace isa::bench {
namespace {

constexpr int kRounds = 7;
constexpr int kPerRound = 12;
constexpr int kDockerPerRound = 2;
constexpr auto kPoll = std::chrono::microseconds(100);

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
  await_end(pid);
  return took;
}

double docker_run(const std::string& folder, const std::string& image) {
  const auto name = random_hex(4);
  const auto workspace = folder + "/" + name;
  std::filesystem::create_directories(workspace);
  const auto begin = Clock::now();
  const pid_t pid =
      start({"docker", "run", "--rm", "--name", name, "--network", "none", "-v", workspace + ":/workspace",
             "-v", program_folder() + "/isa-runtime:/opt/isa-runtime:ro", image, "/opt/isa-runtime",
             "--listen", "unix:/workspace/s.sock"});
  wait_for_200(workspace + "/s.sock");
  const double took = millis_since(begin);
  await_end(start({"docker", "kill", name}));
  await_end(pid);
  return took;
}

}  // namespace

void cold_create() {
  const SmallRoot root;
  const auto image = root.image();
  const PlatformProcess platform({"pool.agent.warm=0"});
  std::optional<PlatformProcess> on_docker;
  if (image)
    on_docker.emplace(std::vector<std::string>{"pool.agent.warm=0", "cloud_os.backend=docker",
                                               "cloud_os.docker_image=" + *image});
  Connection cloud_os(platform.role("cloud_os"));
  const std::string folder = "/tmp/isa-bench-" + random_hex(4);
  std::vector<double> ours, bare, ours_on_docker, docker;
  for (int round = 0; round < kRounds; ++round) {
    std::vector<double> creates, by_hand, containers, by_docker;
    for (int i = 0; i < kPerRound; ++i) {
      creates.push_back(platform_create(cloud_os));
      by_hand.push_back(bare_bwrap(folder));
    }
    for (int i = 0; image && i < kDockerPerRound; ++i) {
      Connection other(on_docker->role("cloud_os"));
      containers.push_back(platform_create(other));
      by_docker.push_back(docker_run(folder, *image));
    }
    ours.push_back(percentile(creates, 50));
    bare.push_back(percentile(by_hand, 50));
    if (!image) continue;
    ours_on_docker.push_back(percentile(containers, 50));
    docker.push_back(percentile(by_docker, 50));
  }
  const std::string what = ", cold create -> first 200 of the runtime";
  print(compare("P2", "bubblewrap" + what, ours, "bare bwrap", bare, " ms", 1.3));
  if (image) {
    print(compare("P2", "bubblewrap" + what, ours, "docker run", docker, " ms", 0.1));
    print(compare("P2", "docker" + what, ours_on_docker, "docker run", docker, " ms", std::nullopt));
  } else {
    std::printf(
        "| P2 | the same beside docker run | not measured: no Docker engine answers | | | <= 0.1x | |\n");
  }
  std::filesystem::remove_all(folder);
}

}  // namespace isa::bench
