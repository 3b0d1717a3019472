// Random walks of two pool managers over one store that refuses steps and loses answers, with crashes, deaths
// of sandboxes and jumps of time, held against what must be so whatever happened before.
#include "pool/shared_testing.h"

#include <random>

namespace isa::pool::testing {
namespace {

constexpr std::size_t kManagers = 2;
constexpr int kWalks = 12, kSteps = 60;
constexpr std::size_t kSessions = 5;

class Walk {
 public:
  Walk(Managers& managers, unsigned seed) : m_(managers), random_(seed) {}

  Task<void> run() {
    for (int at = 0; at < kSteps; ++at) {
      co_await step();
      co_await check();
    }
    co_await settle();
  }

 private:
  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }
  std::string session() { return fmt::format("s{}", below(kSessions)); }

  Task<void> step() {
    const auto who = below(kManagers);
    switch (below(12)) {
      case 0:
      case 1:
      case 2:
      case 3: co_await acquire(who, session()); break;
      case 4:
      case 5: co_await release(who, session(), 0); break;
      case 6: co_await release(who, session(), 1); break;
      case 7: co_await renew(who, session()); break;
      case 8: m_.view(who).fault = faults(below(4)); break;
      case 9: co_await kill_a_sandbox(); break;
      case 10: co_await pass(who); break;
      default:
        if (below(2) == 0)
          co_await crash(who);
        else
          m_.ahead += m_.settings.lease_idle * static_cast<int>(1 + below(2)) / 2;
        break;
    }
  }

  // Mostly none; now and then every third step is refused, or loses its answer.
  std::function<FlakyStore::Fault()> faults(std::size_t kind) {
    if (kind > 1) return [] { return FlakyStore::Fault::none; };
    const auto what = kind == 0 ? FlakyStore::Fault::refused : FlakyStore::Fault::lost;
    return [this, what] { return below(3) == 0 ? what : FlakyStore::Fault::none; };
  }

  Task<void> acquire(std::size_t who, std::string session) {
    auto request = request_of(session);
    request.timeout = 0.2;
    const auto got = co_await m_.service(who).acquire("agent", std::move(request));
    if (!got) {
      EXPECT_EQ(got.error().kind(), ErrorKind::service_unavailable) << got.error().message();
      co_return;
    }
    const auto owner = owners_.emplace(got->instance_id, session).first;
    EXPECT_EQ(owner->second, session) << "an instance serves one session in its life";
    const auto known = tokens_.emplace(got->lease.fencing_token, got->lease.id);
    EXPECT_EQ(known.first->second, got->lease.id) << "a token is of one lease";
    if (!got->resumed) {
      EXPECT_GT(got->lease.fencing_token, last_token_) << "tokens grow";
      last_token_ = got->lease.fencing_token;
    }
    held_[session] = *got;
  }

  Task<void> release(std::size_t who, std::string session, std::int64_t wrong_by) {
    const auto held = held_.find(session);
    if (held == held_.end()) co_return;
    const auto lease = held->second;
    const auto done =
        co_await m_.service(who).release("agent", lease.instance_id, lease.lease.fencing_token - wrong_by);
    if (wrong_by != 0 || !done) co_return;
    held_.erase(session);
    released_.insert(lease.lease.id);
  }

  Task<void> renew(std::size_t who, std::string session) {
    const auto held = held_.find(session);
    if (held == held_.end()) co_return;
    const auto id = held->second.lease.id;
    const auto renewed =
        co_await m_.service(who).renew("agent", held->second.instance_id, held->second.lease.fencing_token);
    if (renewed) EXPECT_FALSE(released_.contains(id)) << "what was released is never held again";
  }

  Task<void> kill_a_sandbox() {
    const auto ids = m_.alive();
    if (ids.empty()) co_return;
    co_await m_.vms.kill(SandboxId(*std::next(ids.begin(), static_cast<std::ptrdiff_t>(below(ids.size())))));
  }

  Task<void> pass(std::size_t who) {
    const auto pool = must(m_.service(who).pool("agent"));
    static_cast<void>(co_await pool->reconciler().pass());  // A store that is away skips it.
    co_await pool->leases().sweep();
  }

  Task<void> crash(std::size_t who) {
    co_await m_.crash(who);
    m_.restart(who);
    co_await m_.service(who).start();
  }

  Task<void> check() {
    std::set<SessionId> sessions;
    for (const auto& row : co_await m_.rows()) {
      if (row.state != State::leased) continue;
      EXPECT_TRUE(row.lease.has_value());
      EXPECT_TRUE(sessions.insert(row.lease->session_id).second) << "a session has two instances";
      EXPECT_FALSE(released_.contains(row.lease->id)) << "a released lease is leased";
      const auto owner = owners_.find(row.id);
      if (owner != owners_.end()) EXPECT_EQ(SessionId(owner->second), row.lease->session_id);
    }
  }

  // When everything works again, what there is and what is recorded come to agree by themselves.
  Task<void> settle() {
    for (std::size_t i = 0; i < kManagers; ++i) m_.view(i).fault = [] { return FlakyStore::Fault::none; };
    m_.ahead += m_.settings.lease_idle * 2;
    for (int round = 0; round < 4; ++round) {
      m_.ahead += m_.settings.manager_ttl;  // Who is dead was silent for so long since the round before.
      for (const auto& id : m_.alive()) m_.vms.make_older(SandboxId(id), m_.settings.orphan_grace);
      for (std::size_t i = 0; i < kManagers; ++i) co_await pass(i);
    }
    EXPECT_TRUE(co_await m_.service(0).wait_until_filled(soon()));
    const auto deadline = soon();
    while (m_.alive() != co_await m_.recorded() && !deadline.passed())
      co_await m_.fleet(0).changed().wait(deadline.tightened(std::chrono::milliseconds(20)));
    EXPECT_EQ(m_.alive(), co_await m_.recorded());
    for (const auto& row : co_await m_.rows())
      EXPECT_NE(row.state, State::leased)
          << "nobody used it for long: " << json::serialize(json::write(row)) << memory_of(row.id);
  }

  std::string memory_of(const InstanceId& id) {
    std::string text;
    for (std::size_t i = 0; i < kManagers; ++i) {
      const auto instance = m_.fleet(i).find(id);
      text += fmt::format("; {} remembers it as {}", m_.fleet(i).manager().value(),
                          instance ? json::name_of(instance->state) : "nothing");
      if (instance) text += fmt::format(" of {}", instance->manager.value());
    }
    return text + "; now " + to_rfc3339(m_.fleet(0).now());
  }

  Managers& m_;
  std::mt19937 random_;
  std::map<InstanceId, std::string> owners_;
  std::map<std::int64_t, LeaseId> tokens_;
  std::int64_t last_token_ = 0;
  std::map<std::string, Acquired> held_;
  std::set<LeaseId> released_;
};

TEST(Model, HoldsWhateverHappened) {
  for (int seed = 1; seed <= kWalks; ++seed) {
    SCOPED_TRACE(seed);
    with_managers(kManagers, small_pool(2, 6), [seed](Managers& m) -> Task<void> {
      return [](Managers& managers, unsigned from) -> Task<void> {
        Walk walk(managers, from);
        co_await walk.run();
      }(m, static_cast<unsigned>(seed));
    });
    if (::testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace isa::pool::testing
