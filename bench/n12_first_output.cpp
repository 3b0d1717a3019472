// N12: from the order of a sandbox to the first byte of a command's output in it, one at a time and many at
// once, on each backend; beside the same command started in a bare bwrap, by runc and by docker run.
#include "base/ids.h"
#include "base/json.h"
#include "child_process.h"
#include "figures.h"
#include "http.h"
#include "platform_process.h"
#include "samples.h"
#include "small_root.h"

#include <fmt/format.h>

#include <filesystem>
#include <functional>
#include <latch>
#include <thread>

namespace isa::bench {
namespace {

constexpr int kRounds = 5;
constexpr int kAtOnce[] = {1, 10, 50};
constexpr int kLeastPerRound = 5;
const std::vector<std::string> kCommand = {"/bin/sh", "-c", "echo hello"};

// One way to a command's first output. It takes the time itself: what comes after is not measured.
using Way = std::function<double()>;

class OnPlatform {
 public:
  explicit OnPlatform(const std::vector<std::string>& settings) : platform_(settings) {}

  double operator()() const {
    const auto begin = Clock::now();
    Connection pool(platform_.role("pool"));
    const auto answer = pool.call("POST", "/api/v1/pools/agent/acquire",
                                  R"({"session_id":"bench-)" + make_ulid() + R"(","user_id":"bench"})");
    if (answer.status != 200) die("acquire: " + answer.body);
    const auto acquired = json::parse(answer.body).value();
    if (!acquired.at("warm").as_bool()) die("a cold acquire: there is nothing to measure");
    const std::filesystem::path socket(std::string(acquired.at("connection_info").at("unix").as_string()));
    Connection cloud_os(platform_.role("cloud_os"));
    cloud_os.stream_until("POST",
                          fmt::format("/api/v1/vms/{}/exec", socket.parent_path().filename().string()),
                          R"({"command":"echo hello"})", "event: stdout");
    const double took = millis_since(begin);
    const auto token = acquired.at("lease").at("fencing_token").to_number<std::int64_t>();
    pool.call(
        "POST",
        fmt::format("/api/v1/pools/agent/{}/release", std::string(acquired.at("instance_id").as_string())),
        fmt::format(R"({{"fencing_token":{}}})", token));
    return took;
  }
  void await_warm() const { platform_.wait_for_warm(kAtOnce[2]); }

 private:
  PlatformProcess platform_;
};

double started(std::vector<std::string> command) {
  const auto begin = Clock::now();
  const pid_t pid = start_and_await_output(std::move(command));
  const double took = millis_since(begin);
  await_end(pid);
  return took;
}

std::vector<std::string> with_command(std::vector<std::string> words) {
  words.insert(words.end(), kCommand.begin(), kCommand.end());
  return words;
}

double bare_bwrap() {
  return started(with_command({"bwrap",         "--unshare-all", "--die-with-parent",
                               "--new-session", "--cap-drop",    "ALL",
                               "--ro-bind",     "/usr",          "/usr",
                               "--symlink",     "usr/lib",       "/lib",
                               "--symlink",     "usr/lib64",     "/lib64",
                               "--symlink",     "usr/bin",       "/bin",
                               "--proc",        "/proc",         "--dev",
                               "/dev",          "--tmpfs",       "/tmp"}));
}

std::vector<double> at_once(int count, const Way& way) {
  std::vector<double> took(static_cast<std::size_t>(count));
  std::latch begin(count);
  {
    std::vector<std::jthread> threads;
    for (auto& one : took)
      threads.emplace_back([&] {
        begin.arrive_and_wait();
        one = way();
      });
  }
  return took;
}

struct Measured {
  std::vector<double> all, p50;
  void add_round(int count, const Way& way) {
    std::vector<double> round;
    while (round.size() < kLeastPerRound) {
      const auto more = at_once(count, way);
      round.insert(round.end(), more.begin(), more.end());
    }
    p50.push_back(percentile(round, 50));
    all.insert(all.end(), round.begin(), round.end());
  }
  std::string p99() const { return fmt::format(", p99 {:.3g} ms", percentile(all, 99)); }
};

void measure(const std::string& backend, const OnPlatform& platform,
             const std::map<std::string, Way>& peers) {
  for (const int count : kAtOnce) {
    Measured ours;
    std::map<std::string, Measured> theirs;
    for (int round = 0; round < kRounds; ++round) {
      platform.await_warm();
      ours.add_round(count, std::cref(platform));
      for (const auto& [name, way] : peers) theirs[name].add_round(count, way);
    }
    for (const auto& [name, measured] : theirs) {
      auto row = compare("N12", fmt::format("{}, {} at once: acquire -> first output, p50", backend, count),
                         ours.p50, name, measured.p50, " ms", std::nullopt);
      row.ours += ours.p99();
      row.peer += measured.p99();
      print(row);
    }
  }
}

}  // namespace

void first_output() {
  const SmallRoot root;
  const auto image = root.image();
  const auto bundle = root.bundle(kCommand);
  std::map<std::string, Way> peers{{"bare bwrap", bare_bwrap}};
  if (bundle)
    peers.emplace("runc",
                  [&] { return started({"runc", "run", "--bundle", *bundle, "bench-" + random_hex(8)}); });
  if (image)
    peers.emplace("docker run", [&] {
      return started(with_command({"docker", "run", "--rm", "--network", "none", *image}));
    });
  const std::vector<std::string> settings{"pool.agent.warm=50", "pool.agent.max=150"};
  measure("bubblewrap", OnPlatform(settings), peers);
  if (!image) {
    std::printf(
        "| N12 | the backend docker, and docker run | not measured: no Docker engine answers | | | | |\n");
    return;
  }
  auto on_docker = settings;
  on_docker.insert(on_docker.end(), {"cloud_os.backend=docker", "cloud_os.docker_image=" + *image});
  measure("docker", OnPlatform(on_docker), peers);
}

}  // namespace isa::bench
