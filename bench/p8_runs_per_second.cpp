// P8: the highest rate of runs that one platform process keeps up, each a model answer streamed over one
// second in a session of its own, with the durable event log. The load and the model share the machine's
// cores with the platform, so each one's share is told.
#include "cpu_time.h"
#include "figures.h"
#include "http.h"
#include "memory.h"
#include "net/event_loop.h"
#include "open_load.h"
#include "platform_process.h"
#include "samples.h"
#include "upstream.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <thread>

#include <sys/resource.h>
#include <unistd.h>

namespace isa::bench {
namespace {

constexpr int kTurns = 3;
constexpr UpstreamPace kPace{20, std::chrono::milliseconds(50)};
constexpr double kSeconds = 2.5;  // A load is offered for.
constexpr double kEndsWithinMs = 1500;
constexpr double kGrowthMaxMs = 75;  // From the first to the last third: a rate 5 % too high shows it.
constexpr int kFirstRate = 200;
constexpr int kLevelsOfFirst = 6, kLevelsOfOthers = 5;
constexpr double kStepOfFirst = 2, kStepOfOthers = 1.3;
constexpr double kRateGoal = 500, kMemoryGoalMb = 1024;
constexpr double kPeerRate = 500, kPeerCores = 33;  // LangSmith Agent Server's published sizing.

// Cores in use while as many runs start as end.
struct Cores {
  double platform = 0, load = 0, upstream = 0, others = 0;
  std::string busiest;       // Thread of the platform.
  ThreadSeconds of_busiest;  // Per second.
};

class Watch : public LoadObserver {
 public:
  explicit Watch(pid_t platform) : platform_(platform) {}
  void steady() override { start_ = look(); }
  void offered() override {
    if (start_.at == Clock::time_point()) return;  // Given up before.
    auto end = look();
    const double seconds = std::chrono::duration<double>(end.at - start_.at).count();
    const auto ran = [seconds](auto& from, auto& to, const char* name) {
      return (to[name].ran - from[name].ran) / seconds;
    };
    for (const auto& [name, used] : end.platform) {
      const auto& before = start_.platform[name];
      const ThreadSeconds share{(used.ran - before.ran) / seconds, (used.waited - before.waited) / seconds};
      cores_.platform += share.ran;
      if (share.ran <= cores_.of_busiest.ran) continue;
      cores_.busiest = name;
      cores_.of_busiest = share;
    }
    cores_.load = ran(start_.own, end.own, "bench-load");
    cores_.upstream = ran(start_.own, end.own, "upstream");
    const double busy = (end.machine - start_.machine) / seconds;
    cores_.others = std::max(0.0, busy - cores_.platform - cores_.load - cores_.upstream);
    pss_mb_ = memory_mb(platform_);
  }
  const Cores& cores() const { return cores_; }
  double pss_mb() const { return pss_mb_; }

 private:
  struct Look {
    Clock::time_point at;
    std::map<std::string, ThreadSeconds> platform, own;
    double machine = 0;
  };
  Look look() const {
    return {Clock::now(), thread_seconds(platform_), thread_seconds(getpid()), machine_busy_seconds()};
  }

  pid_t platform_;
  Look start_;
  Cores cores_;
  double pss_mb_ = 0;
};

struct Level {
  Load load;
  Cores cores;
  double pss_mb = 0;
};

// The client of one turn, on the thread that is counted as the load.
class Driver {
 public:
  Driver() {
    loop_.run([](Driver& self) -> Task<void> {
      net::ClientOptions options;
      options.idle_per_endpoint = 4096;
      self.client_ = std::make_unique<net::Client>(options);
      co_return;
    }(*this));
  }
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver() {
    loop_.run([](Driver& self) -> Task<void> {
      self.client_.reset();
      co_return;
    }(*this));
  }

  Level run(const LoadTarget& target, int rate, double seconds, pid_t platform) {
    Level level;
    level.load.rate = rate;
    Watch watch(platform);
    loop_.run(offer_load(*client_, target, seconds, &watch, level.load));
    level.cores = watch.cores();
    level.pss_mb = watch.pss_mb();
    return level;
  }

 private:
  net::EventLoop loop_{"bench-load"};
  std::unique_ptr<net::Client> client_;
};

// How much longer the last third of the runs took than the first: a queue that grows.
double growth_ms(const std::vector<double>& ms) {
  const auto third = static_cast<std::ptrdiff_t>(ms.size() / 3);
  return percentile({ms.end() - third, ms.end()}, 50) - percentile({ms.begin(), ms.begin() + third}, 50);
}

// Why a level is not sustained; empty when it is.
std::string overload(const Load& load) {
  if (load.refused > 0) return fmt::format("{} runs refused ({})", load.refused, load.why);
  if (load.failed > 0) return fmt::format("{} runs failed ({})", load.failed, load.why);
  if (load.gave_up) return "runs pile up";
  if (const double p99 = percentile(load.ms, 99); p99 > kEndsWithinMs)
    return fmt::format("p99 of a run {:.0f} ms", p99);
  if (const double growth = growth_ms(load.ms); growth > kGrowthMaxMs)
    return fmt::format("runs {:.0f} ms slower at the end", growth);
  return "";
}

struct Turn {
  Level sustained, direct;
  Level beyond;  // The lowest level that was not; rate 0 when all that were tried are.
  std::string why;
};

int rounded(double rate) {
  return std::max(10, static_cast<int>(std::lround(rate / 10)) * 10);
}

// Up or down by `step` until the limit lies between two levels, then in halves.
Turn search(Driver& driver, const LoadTarget& target, pid_t platform, int first, double step, int levels) {
  Turn turn;
  for (int i = 0, rate = first; i < levels; ++i) {
    auto level = driver.run(target, rate, kSeconds, platform);
    if (auto why = overload(level.load); why.empty()) {
      turn.sustained = std::move(level);
    } else {
      turn.beyond = std::move(level);
      turn.why = std::move(why);
    }
    const double low = turn.sustained.load.rate, high = turn.beyond.load.rate;
    rate = rounded(low == 0 ? high / step : high == 0 ? low * step : std::sqrt(low * high));
    if (rate == turn.sustained.load.rate || rate == turn.beyond.load.rate) break;
  }
  if (turn.sustained.load.rate == 0)
    die(fmt::format("P8: {} runs/s are not sustained: {}", turn.beyond.load.rate, turn.why));
  return turn;
}

LoadTarget platform_target(const PlatformProcess& platform) {
  Connection agent(platform.role("agent"));
  const auto made = agent.call("POST", "/api/v1/agents/configs",
                               R"({"name":"bench","model_id":"openai/clock","env":"cloud_shared"})");
  if (made.status != 200) die("create agent: " + made.body);
  return {platform.role("agent"), "/api/v1/agents/chat",
          R"({"agent_config_id":")" + std::string(json::parse(made.body)->at("id").as_string()) +
              R"(","session_id":"bench-{}","message":"go"})",
          true, kPace.chunks};
}

Turn take_turn(const Upstream& upstream, int first, double step, int levels) {
  const PlatformProcess platform(
      {fmt::format("model.openai.base_url=http://127.0.0.1:{}/v1", upstream.at().port), "pool.agent.warm=0"});
  Driver driver;
  const auto target = platform_target(platform);
  driver.run(target, 100, 0.5, platform.pid());  // Warms connections and files; not measured.
  auto turn = search(driver, target, platform.pid(), first, step, levels);
  const LoadTarget direct{upstream.at(), "/v1/chat/completions",
                          R"({"model":"clock","stream":true,"messages":[{"role":"user","content":"go"}]})",
                          false, kPace.chunks};
  turn.direct = driver.run(direct, turn.sustained.load.rate, kSeconds, platform.pid());
  return turn;
}

// One value of every turn.
std::vector<double> of(const std::vector<Turn>& turns, double (*value)(const Turn&)) {
  std::vector<double> values;
  for (const auto& turn : turns) values.push_back(value(turn));
  return values;
}

std::string shown(const std::vector<Turn>& turns, double (*value)(const Turn&), const char* unit = "") {
  return show(spread(of(turns, value)), unit);
}

void report_rate(const std::vector<Turn>& turns) {
  const auto rate = of(turns, [](const Turn& t) { return static_cast<double>(t.sustained.load.rate); });
  const double cores = std::thread::hardware_concurrency();
  std::vector<double> ratio;
  for (const double one : rate) ratio.push_back(one / cores / (kPeerRate / kPeerCores));
  print({"P8", "cloud_shared: runs of a 1 s streamed answer per second, load and model on the same cores",
         show(spread(rate), "/s"),
         "LangSmith Agent Server's published sizing: 500/s on about 33 CPU and 84 GiB",
         show(spread(ratio), "x") + " per core of the machine", fmt::format(">= {}/s", kRateGoal),
         spread(rate).median >= kRateGoal});
}

void report_platform(const std::vector<Turn>& turns) {
  const auto per_run = [](const Turn& t) {
    return 1000 * t.sustained.cores.platform / t.sustained.load.rate;
  };
  print({"P8",
         "at that rate: the platform's processor time for a run, user and system",
         shown(turns, per_run, " ms"),
         "LangSmith: 66 ms (33 CPU / 500/s)",
         show(spread(of(turns,
                        [](const Turn& t) {
                          return t.sustained.cores.platform / t.sustained.load.rate /
                                 (kPeerCores / kPeerRate);
                        })),
              "x"),
         "",
         {}});
  const auto memory = of(turns, [](const Turn& t) { return t.sustained.pss_mb; });
  print({"P8", "at that rate: memory of the platform's process (PSS) under load", show(spread(memory), " MB"),
         "", "", fmt::format("<= {} MB", kMemoryGoalMb), spread(memory).median <= kMemoryGoalMb});
}

void report_added(const std::vector<Turn>& turns, double p) {
  std::vector<double> ours, direct, added;
  for (const auto& turn : turns) {
    ours.push_back(percentile(turn.sustained.load.ms, p));
    direct.push_back(percentile(turn.direct.load.ms, p));
    added.push_back(ours.back() - direct.back());
  }
  const auto s = spread(added);
  print({"P8",
         fmt::format("at that rate: a whole run, from when it was due, p{}", p),
         show(spread(ours), " ms"),
         "direct: " + show(spread(direct), " ms"),
         fmt::format("{:+.3g} ms ({:+.3g} to {:+.3g})", s.median, s.min, s.max),
         "",
         {}});
}

void report_bound(const std::vector<Turn>& turns) {
  print({"P8",
         "at that rate: cores in use",
         "platform " + shown(turns, [](const Turn& t) { return t.sustained.cores.platform; }),
         fmt::format("load {}, model {}, others on the machine {}",
                     shown(turns, [](const Turn& t) { return t.sustained.cores.load; }),
                     shown(turns, [](const Turn& t) { return t.sustained.cores.upstream; }),
                     shown(turns, [](const Turn& t) { return t.sustained.cores.others; })),
         fmt::format("busiest thread of the platform: {} runs {} of the time, waits {} for a core",
                     turns.back().sustained.cores.busiest,
                     shown(turns, [](const Turn& t) { return t.sustained.cores.of_busiest.ran; }),
                     shown(turns, [](const Turn& t) { return t.sustained.cores.of_busiest.waited; })),
         "",
         {}});
  std::string beyond;
  for (const auto& turn : turns) {
    if (!beyond.empty()) beyond += "; ";
    if (turn.beyond.load.rate == 0)
      beyond += "no level tried was too high";
    else
      beyond += fmt::format("{}/s: {}, {} ran {:.2f} and waited {:.2f} of the time", turn.beyond.load.rate,
                            turn.why, turn.beyond.cores.busiest, turn.beyond.cores.of_busiest.ran,
                            turn.beyond.cores.of_busiest.waited);
  }
  print({"P8", "the lowest rate that is not sustained, turn by turn", beyond, "", "", "", {}});
}

// A run holds two sockets here, and two in the platform.
void allow_many_sockets() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  if (setrlimit(RLIMIT_NOFILE, &limit) != 0) die("cannot raise the limit of open files");
}

}  // namespace

void runs_per_second() {
  allow_many_sockets();
  const Upstream upstream(kPace);
  std::vector<Turn> turns{take_turn(upstream, kFirstRate, kStepOfFirst, kLevelsOfFirst)};
  while (turns.size() < kTurns)
    turns.push_back(take_turn(upstream, turns.back().sustained.load.rate, kStepOfOthers, kLevelsOfOthers));
  report_rate(turns);
  report_platform(turns);
  report_added(turns, 50);
  report_added(turns, 99);
  report_bound(turns);
}

}  // namespace isa::bench
