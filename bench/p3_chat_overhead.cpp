// P3: what the platform adds to a streamed chat, beside the same model upstream called directly: time to the
// first text, and the age of each event when the client has it.
#include "base/deadline.h"
#include "base/task_group.h"
#include "figures.h"
#include "http.h"
#include "net/client.h"
#include "net/event_loop.h"
#include "net/sse.h"
#include "platform_process.h"
#include "samples.h"
#include "upstream.h"

#include <fmt/format.h>

namespace isa::bench {
namespace {

constexpr int kRounds = 5;
constexpr double kFirstTextGoalMs = 5;
constexpr double kEventGoalMs = 2;

struct Target {
  net::Endpoint at;
  std::string path;
  std::vector<std::string> bodies;  // One per chat at once.
};

struct Measured {
  std::vector<double> first_text;  // ms, one per chat
  std::vector<double> age;         // ms, one per event
  int failed = 0;
};

Task<void> one_chat(net::Client& client, const Target& target, std::size_t index, Measured& to) {
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = target.path;
  request.headers.set("X-User-Id", "bench");
  request.headers.set("Content-Type", "application/json");
  request.body = target.bodies[index];
  const auto start = Clock::now();
  auto answer = co_await client.open(target.at, std::move(request), Deadline::after(std::chrono::minutes(1)));
  if (!answer || answer->status != 200) {
    ++to.failed;
    co_return;
  }
  net::SseReader events(std::move(answer->body));
  bool is_first = true;
  for (;;) {
    const auto event = co_await events.next();
    if (!event || !*event || (*event)->data == "[DONE]") break;
    if ((*event)->data.find("\"result\"") != std::string::npos) continue;  // Repeats the whole text.
    const auto now = now_nanos();
    for (const auto stamp : stamps_in((*event)->data)) {
      if (is_first) to.first_text.push_back(millis_since(start));
      is_first = false;
      to.age.push_back(static_cast<double>(now - stamp) / 1e6);
    }
  }
  if (is_first) ++to.failed;
}

Task<void> all_chats(net::Client& client, const Target& target, Measured& to) {
  TaskGroup chats(co_await asio::this_coro::executor);
  for (std::size_t i = 0; i < target.bodies.size(); ++i) chats.spawn("chat", one_chat(client, target, i, to));
  co_await chats.join();
}

// A session each, used once before the clock starts: the chats that are measured find their sandbox leased.
Target platform_target(const PlatformProcess& platform, const std::string& env, int chats) {
  Connection agent(platform.role("agent"));
  const auto made =
      agent.call("POST", "/api/v1/agents/configs",
                 fmt::format(R"({{"name":"bench","model_id":"openai/clock","env":"{}"}})", env));
  if (made.status != 200) die("create agent: " + made.body);
  const auto id = std::string(json::parse(made.body)->at("id").as_string());
  Target target{platform.role("agent"), "/api/v1/agents/chat", {}};
  for (int i = 0; i < chats; ++i)
    target.bodies.push_back(fmt::format(
        R"({{"agent_config_id":"{}","session_id":"bench-{}-{}-{}","message":"go"}})", id, env, chats, i));
  return target;
}

class Driver {
 public:
  Driver() : loop_("bench") {
    loop_.run([](Driver& self) -> Task<void> {
      net::ClientOptions options;
      options.idle_per_endpoint = 1024;
      self.client_ = std::make_unique<net::Client>(options);
      co_return;
    }(*this));
  }
  ~Driver() {
    loop_.run([](Driver& self) -> Task<void> {
      self.client_.reset();
      co_return;
    }(*this));
  }
  Measured run(const Target& target) {
    Measured measured;
    loop_.run(all_chats(*client_, target, measured));
    if (measured.failed > 0) die(fmt::format("{} of {} chats failed", measured.failed, target.bodies.size()));
    return measured;
  }

 private:
  net::EventLoop loop_;
  std::unique_ptr<net::Client> client_;
};

void report(const std::string& what, const std::vector<double>& ours, const std::vector<double>& direct,
            double goal, bool has_goal) {
  std::vector<double> added;
  for (std::size_t i = 0; i < ours.size(); ++i) added.push_back(ours[i] - direct[i]);
  const auto s = spread(added);
  const auto added_text = fmt::format("{:+.3g} ms ({:+.3g} to {:+.3g})", s.median, s.min, s.max);
  Row row{"P3", what, show(spread(ours), " ms"), "direct: " + show(spread(direct), " ms"), added_text,
          "",   {}};
  if (has_goal) {
    row.goal = fmt::format("<= +{} ms", goal);
    row.met = s.median <= goal;
  }
  print(row);
}

void measure(Driver& driver, const Target& ours, const Target& direct, const std::string& label,
             bool has_event_goal) {
  driver.run(ours);  // Warms sessions, sandboxes and connections; not measured.
  std::vector<double> first, first_direct, age50, age50_direct, age99, age99_direct;
  for (int round = 0; round < kRounds; ++round) {
    const auto d = driver.run(direct);
    const auto o = driver.run(ours);
    first.push_back(percentile(o.first_text, 50));
    first_direct.push_back(percentile(d.first_text, 50));
    age50.push_back(percentile(o.age, 50));
    age50_direct.push_back(percentile(d.age, 50));
    age99.push_back(percentile(o.age, 99));
    age99_direct.push_back(percentile(d.age, 99));
  }
  report(label + ": first text, p50", first, first_direct, kFirstTextGoalMs, true);
  report(label + ": event, p50", age50, age50_direct, kEventGoalMs, false);
  report(label + ": event, p99", age99, age99_direct, kEventGoalMs, has_event_goal);
}

}  // namespace

void chat_overhead() {
  const Upstream upstream({});
  const auto& at = upstream.at();
  const PlatformProcess platform({fmt::format("model.openai.base_url=http://127.0.0.1:{}/v1", at.port),
                                  "pool.agent.warm=50", "pool.agent.max=110"});
  platform.wait_for_warm(50);
  Driver driver;
  const auto direct = [&](int chats) {
    Target target{at, "/v1/chat/completions", {}};
    target.bodies.assign(static_cast<std::size_t>(chats),
                         R"({"model":"clock","stream":true,"messages":[{"role":"user","content":"go"}]})");
    return target;
  };
  measure(driver, platform_target(platform, "cloud_pool", 1), direct(1), "1 chat, cloud_pool", false);
  measure(driver, platform_target(platform, "cloud_pool", 50), direct(50), "50 chats at once, cloud_pool",
          true);
  measure(driver, platform_target(platform, "cloud_shared", 500), direct(500),
          "500 chats at once, cloud_shared", false);
}

}  // namespace isa::bench
