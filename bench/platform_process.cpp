#include "platform_process.h"

#include "base/ids.h"
#include "base/json.h"
#include "http.h"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <spawn.h>
#include <thread>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::bench {
namespace {

constexpr auto kPatience = std::chrono::seconds(30);
constexpr auto kPoll = std::chrono::milliseconds(1);

json::value endpoints(const std::string& folder) {
  std::ifstream file(folder + "/endpoints.json");
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  return json::parse(text).value_or(nullptr);
}

}  // namespace

std::string program_folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path().string();
}

PlatformProcess::PlatformProcess(const std::vector<std::string>& settings)
    : folder_("/tmp/isa-bench-" + random_hex(4)) {
  std::filesystem::create_directories(folder_);
  std::vector<std::string> arguments = {program_folder() + "/isa", "up", "--data-dir", folder_};
  for (const char* role : {"agent", "pool", "cloud_os", "model"}) {
    arguments.emplace_back("--set");
    arguments.push_back(std::string(role) + ".listen=127.0.0.1:0");
  }
  for (const auto& setting : settings) {
    arguments.emplace_back("--set");
    arguments.push_back(setting);
  }
  std::vector<char*> argv;
  for (auto& argument : arguments) argv.push_back(argument.data());
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  const auto log = folder_ + "/bench.log";
  posix_spawn_file_actions_addopen(&actions, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&actions, 1, 2);
  started_ = std::chrono::steady_clock::now();
  if (posix_spawn(&pid_, argv[0], &actions, nullptr, argv.data(), environ) != 0) die("cannot start isa");
  posix_spawn_file_actions_destroy(&actions);

  while (!std::filesystem::exists(folder_ + "/endpoints.json")) {
    if (std::chrono::steady_clock::now() - started_ > kPatience)
      die("the platform did not start; see " + log);
    if (waitpid(pid_, nullptr, WNOHANG) == pid_) die("the platform stopped at once; see " + log);
    std::this_thread::sleep_for(kPoll);
  }
  while (Connection(role("agent")).call("GET", "/ready").status != 200) std::this_thread::sleep_for(kPoll);
  time_to_ready_ = std::chrono::steady_clock::now() - started_;
}

PlatformProcess::~PlatformProcess() {
  kill(pid_, SIGTERM);
  waitpid(pid_, nullptr, 0);
  std::error_code ignored;  // A leftover folder in /tmp does not change a figure.
  std::filesystem::remove_all(folder_, ignored);
}

net::Endpoint PlatformProcess::role(const std::string& name) const {
  const auto url = net::Url::parse(endpoints(folder_).at(name).as_string());
  if (!url) die("endpoints.json holds no URL of " + name);
  return url->endpoint;
}

double PlatformProcess::wait_for_warm(std::int64_t count) const {
  Connection pool(role("pool"));
  for (;;) {
    const auto stats = json::parse(pool.call("GET", "/api/v1/pools/agent/stats").body);
    if (stats && stats->at("warm_instances").to_number<std::int64_t>() >= count)
      return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - started_).count();
    if (std::chrono::steady_clock::now() - started_ > std::chrono::minutes(2))
      die("the pool did not fill: " + pool.call("GET", "/api/v1/pools/agent/stats").body);
    std::this_thread::sleep_for(kPoll);
  }
}

}  // namespace isa::bench
