// P5: the memory of an idle warm sandbox, all of its processes, on each backend; beside a small HTTP server
// in Python.
#include "child_process.h"
#include "figures.h"
#include "http.h"
#include "memory.h"
#include "platform_process.h"
#include "samples.h"
#include "small_root.h"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

namespace isa::bench {
namespace {

constexpr int kSandboxes = 10;
constexpr double kGoalMb = 4;
constexpr auto kIdle = std::chrono::seconds(3);  // What starting leaves behind is given back meanwhile.

struct Process {
  pid_t parent = 0;
  std::string command;  // Words with spaces between them.
};

std::map<pid_t, Process> processes() {
  std::map<pid_t, Process> all;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const auto pid = std::atoi(entry.path().filename().c_str());
    if (pid == 0) continue;
    std::ifstream stat(entry.path() / "stat"), words(entry.path() / "cmdline");
    const std::string text{std::istreambuf_iterator<char>(stat), {}};
    Process one{0, {std::istreambuf_iterator<char>(words), {}}};
    std::ranges::replace(one.command, '\0', ' ');
    if (const auto name_end = text.rfind(')'); name_end != std::string::npos) {
      char state;
      std::istringstream(text.substr(name_end + 1)) >> state >> one.parent;
      all.emplace(pid, std::move(one));
    }
  }
  return all;
}

double tree_mb(const std::map<pid_t, Process>& all, pid_t root) {
  double sum = memory_mb(root);
  for (const auto& [pid, one] : all)
    if (one.parent == root) sum += tree_mb(all, pid);
  return sum;
}

// One figure per process whose command holds one of `marks`, with all that descends from it.
std::vector<double> trees_mb(const std::vector<std::string>& marks) {
  const auto all = processes();
  std::vector<double> sums;
  for (const auto& mark : marks)
    for (const auto& [pid, one] : all)
      if (one.command.find(mark) != std::string::npos) sums.push_back(tree_mb(all, pid));
  return sums;
}

std::vector<std::string> words_of(const std::string& text) {
  std::istringstream in(text);
  return {std::istream_iterator<std::string>(in), {}};
}

void report(const std::string& backend, const std::vector<double>& sums, const std::vector<double>& python) {
  if (sums.size() < kSandboxes) die(fmt::format("found the processes of {} sandboxes only", sums.size()));
  auto row = compare("P5", backend + ": an idle warm sandbox, PSS of all its processes", sums,
                     "python3 -m http.server", python, " MB", std::nullopt);
  row.goal = fmt::format("<= {} MB", kGoalMb);
  row.met = spread(sums).median <= kGoalMb;
  print(row);
}

}  // namespace

void idle_memory() {
  std::vector<pid_t> servers;
  for (int i = 0; i < kSandboxes; ++i)
    servers.push_back(start({"python3", "-m", "http.server", "--bind", "127.0.0.1", "0"}));
  const std::vector<std::string> settings{fmt::format("pool.agent.warm={}", kSandboxes)};
  std::vector<double> python, bubblewrap;
  {
    const PlatformProcess platform(settings);
    platform.wait_for_warm(kSandboxes);
    std::this_thread::sleep_for(kIdle);
    bubblewrap = trees_mb({"isa-shim --dir " + platform.folder()});
    for (const pid_t pid : servers) python.push_back(memory_mb(pid));
  }
  report("bubblewrap", bubblewrap, python);
  const SmallRoot root;
  if (const auto image = root.image()) {
    auto on_docker = settings;
    on_docker.insert(on_docker.end(), {"cloud_os.backend=docker", "cloud_os.docker_image=" + *image});
    const PlatformProcess platform(on_docker);
    platform.wait_for_warm(kSandboxes);
    std::this_thread::sleep_for(kIdle);
    // Its supervisor on the engine's side is part of it.
    auto marks = words_of(output_of("docker ps --quiet --no-trunc --filter label=isa.sandbox"));
    for (auto& id : marks) id = "-id " + id;
    report("docker, with the engine's containerd-shim", trees_mb(marks), python);
  } else {
    std::printf("| P5 | the backend docker | not measured: no Docker engine answers | | | <= 4 MB | |\n");
  }
  for (const pid_t pid : servers) {
    kill(pid, SIGKILL);
    await_end(pid);
  }
}

}  // namespace isa::bench
