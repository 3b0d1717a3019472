// P1: a warm acquire over HTTP, beside an empty route of the same server on the same connection.
#include "base/ids.h"
#include "base/json.h"
#include "figures.h"
#include "http.h"
#include "platform_process.h"
#include "samples.h"
#include "small_root.h"

#include <cstdio>

namespace isa::bench {
namespace {

constexpr int kRounds = 7;
constexpr int kWarm = 40;  // Acquires in a round.
constexpr int kEmptyCalls = 400;

struct Held {
  std::string instance;
  std::int64_t token;
};

void measure(const std::string& backend, const std::vector<std::string>& its_settings) {
  std::vector<std::string> settings{"pool.agent.warm=40", "pool.agent.max=100"};
  settings.insert(settings.end(), its_settings.begin(), its_settings.end());
  const PlatformProcess platform(settings);
  Connection pool(platform.role("pool"));
  std::vector<double> ours50, ours99, empty50, empty99;
  for (int round = 0; round < kRounds; ++round) {
    platform.wait_for_warm(kWarm);
    std::vector<double> acquires, empties;
    for (int i = 0; i < kEmptyCalls; ++i) {
      const auto start = Clock::now();
      if (pool.call("GET", "/ready").status != 200) die("GET /ready of the pool manager is not 200");
      empties.push_back(millis_since(start));
    }
    std::vector<Held> held;
    for (int i = 0; i < kWarm; ++i) {
      const auto body = R"({"session_id":"bench-)" + make_ulid() + R"(","user_id":"bench"})";
      const auto start = Clock::now();
      const auto answer = pool.call("POST", "/api/v1/pools/agent/acquire", body);
      const double took = millis_since(start);
      if (answer.status != 200) die("acquire: " + answer.body);
      const auto acquired = json::parse(answer.body).value();
      held.push_back({std::string(acquired.at("instance_id").as_string()),
                      acquired.at("lease").at("fencing_token").to_number<std::int64_t>()});
      if (acquired.at("warm").as_bool()) acquires.push_back(took);
    }
    if (acquires.size() < kWarm / 2) die("most acquires were cold: there is nothing to measure");
    ours50.push_back(percentile(acquires, 50));
    ours99.push_back(percentile(acquires, 99));
    empty50.push_back(percentile(empties, 50));
    empty99.push_back(percentile(empties, 99));
    for (const auto& one : held)
      pool.call("POST", "/api/v1/pools/agent/" + one.instance + "/release",
                R"({"fencing_token":)" + std::to_string(one.token) + "}");
  }
  print(compare("P1", backend + ", warm acquire over HTTP, p50", ours50, "empty route", empty50, " ms", 1.5));
  print(compare("P1", backend + ", warm acquire over HTTP, p99", ours99, "empty route", empty99, " ms", 3));
}

}  // namespace

void warm_acquire() {
  measure("bubblewrap", {});
  const SmallRoot root;
  if (const auto image = root.image())
    measure("docker", {"cloud_os.backend=docker", "cloud_os.docker_image=" + *image});
  else
    std::printf("| P1 | the backend docker | not measured: no Docker engine answers | | | | |\n");
}

}  // namespace isa::bench
