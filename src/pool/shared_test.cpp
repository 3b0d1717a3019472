// Two pool managers on one store. The same with two processes and a Redis that is killed in between:
// tests/e2e/shared_pools.test.mjs.
#include "pool/shared_testing.h"

#include <set>

namespace isa::pool::testing {
namespace {

Task<Result<Acquired>> ask(Managers& m, std::size_t i, std::string session) {
  return m.service(i).acquire("agent", request_of(std::move(session)));
}

TEST(SharedPools, FillThePoolOnceTogether) {
  with_managers(2, small_pool(6, 12), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    co_await m.service(1).wait_until_filled(soon());
    EXPECT_EQ(m.vms.count(), 6U);
    const auto stats = must(co_await m.service(1).stats("agent"));
    EXPECT_EQ(stats.warm_instances, 6) << "the whole pool's, not this manager's";
  });
}

TEST(SharedPools, NeverLeaseAnInstanceTwiceNorGiveASessionTwo) {
  with_managers(2, small_pool(4, 24), [](Managers& m) -> Task<void> {
    std::vector<std::unique_ptr<Started<Result<Acquired>>>> asked;
    for (int session = 0; session < 20; ++session)
      for (std::size_t i = 0; i < 2; ++i)
        asked.push_back(
            std::make_unique<Started<Result<Acquired>>>(m.executor, ask(m, i, fmt::format("s{}", session))));
    std::map<InstanceId, std::size_t> sessions;
    std::set<std::int64_t> tokens;
    for (std::size_t at = 0; at < asked.size(); at += 2) {
      const auto one = must(co_await asked[at]->get());
      const auto other = must(co_await asked[at + 1]->get());
      EXPECT_EQ(one.instance_id, other.instance_id) << "both managers give a session the same";
      EXPECT_TRUE(sessions.emplace(one.instance_id, at).second) << "two sessions got one instance";
      tokens.insert(one.lease.fencing_token);
    }
    EXPECT_EQ(tokens.size(), 20U);
  });
}

TEST(SharedPools, KeepALeaseThatIsGivenDuringAReconcilePass) {
  with_managers(2, small_pool(1, 6), [](Managers& m) -> Task<void> {
    EXPECT_TRUE(co_await m.service(0).wait_until_filled(soon()));
    const auto rows = co_await m.rows();
    if (rows.empty()) throw std::runtime_error("the pool has no instance");
    const auto maker = rows.front().manager;
    const std::size_t other = m.fleet(0).manager() == maker ? 1 : 0;
    std::optional<Acquired> got;
    m.vms.on_list = [&m, &got, other] {
      return [](Managers& with, std::optional<Acquired>& to, std::size_t at) -> Task<void> {
        with.vms.on_list = nullptr;
        to = must(co_await ask(with, at, "s1"));
      }(m, got, other);
    };
    co_await m.reconcile(other);  // Its list of rows is older than the lease.
    co_await m.reconcile(other);
    EXPECT_TRUE(got &&
                (co_await m.service(other).renew("agent", got->instance_id, got->lease.fencing_token)));
  });
}

TEST(SharedPools, ServeALeaseOfTheOther) {
  with_managers(2, small_pool(2, 4), [](Managers& m) -> Task<void> {
    const auto lease = must(co_await ask(m, 0, "s1"));
    const auto token = lease.lease.fencing_token;
    EXPECT_EQ((co_await m.service(1).renew("agent", lease.instance_id, token - 1)).error().kind(),
              ErrorKind::conflict);
    EXPECT_TRUE((co_await m.service(1).renew("agent", lease.instance_id, token)).has_value());
    sdk::RuntimeChat chat;
    chat.message = "hello";
    auto opened = must(co_await m.service(1).stream("agent", lease.instance_id, token, chat));
    EXPECT_NE(must(co_await net::read_all(*opened.body, 1 << 20)).find("hello after 0"), std::string::npos);
    opened.body.reset();
    EXPECT_TRUE((co_await m.service(1).release("agent", lease.instance_id, token)).has_value());
    const auto ended = co_await m.service(0).stream("agent", lease.instance_id, token, chat);
    EXPECT_EQ(kind_of(ended.error()), "not_found") << "the first one's memory is not the truth";
    EXPECT_TRUE((co_await m.service(0).release("agent", lease.instance_id, token)).has_value());
    const auto again = must(co_await ask(m, 0, "s1"));
    EXPECT_NE(again.instance_id, lease.instance_id);
  });
}

TEST(SharedPools, LookAtWhatTheOtherMakesAndTakeItForNothingElse) {
  with_managers(2, small_pool(0, 2), [](Managers& m) -> Task<void> {
    m.vms.hold_creates();
    Started<Result<Acquired>> asked(m.executor, ask(m, 0, "s1"));
    const auto deadline = soon();
    while ((co_await m.rows()).empty() && !deadline.passed())
      co_await m.fleet(0).changed().wait(deadline.tightened(std::chrono::milliseconds(20)));
    const auto id = (co_await m.rows()).at(0).id;
    const auto shown = must(co_await m.fleet(1).fetch(id));
    EXPECT_TRUE(shown && shown->state == State::creating);
    m.vms.let_creates_go();
    const auto lease = must(co_await asked.get());
    EXPECT_EQ(lease.instance_id, id);
    EXPECT_TRUE((co_await m.service(1).renew("agent", id, lease.lease.fencing_token)).has_value());
  });
}

TEST(SharedPools, ForgetWhatTheOtherRemovedWhenTheStoreCouldNotBeReached) {
  with_managers(2, small_pool(0, 2), [](Managers& m) -> Task<void> {
    const auto lease = must(co_await ask(m, 0, "s1"));
    int calls = 0;  // find, move, and the removal of the row.
    m.view(1).fault = [&calls] { return ++calls < 3 ? FlakyStore::Fault::none : FlakyStore::Fault::refused; };
    std::ignore = co_await m.service(1).release("agent", lease.instance_id, lease.lease.fencing_token);
    EXPECT_TRUE((co_await m.store->pool().find(lease.instance_id)).has_value())
        << "the removal did not finish";
    m.view(1).fault = [] { return FlakyStore::Fault::none; };
    co_await m.reconcile(0);
    EXPECT_FALSE((co_await m.store->pool().find(lease.instance_id)).has_value());
    co_await m.reconcile(1);
    EXPECT_EQ(m.fleet(1).find(lease.instance_id), nullptr);
  });
}

TEST(SharedPools, EndALeaseThatTheOtherGaveOfAnInstanceWarmHere) {
  with_managers(2, small_pool(1, 2), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    const std::size_t keeper = m.fleet(0).all().empty() ? 1 : 0;
    const auto lease = must(co_await ask(m, 1 - keeper, "s1"));
    const auto known = m.fleet(keeper).find(lease.instance_id);
    EXPECT_TRUE(known != nullptr && known->state == State::warm) << "it has not heard of the lease";
    const auto token = lease.lease.fencing_token;
    EXPECT_TRUE((co_await m.service(keeper).renew("agent", lease.instance_id, token)).has_value());
    EXPECT_TRUE((co_await m.service(keeper).release("agent", lease.instance_id, token)).has_value());
    EXPECT_FALSE((co_await m.service(1 - keeper).renew("agent", lease.instance_id, token)).has_value());
  });
}

TEST(SharedPools, ALeaseInUseAtTheOtherDoesNotExpire) {
  with_managers(2, small_pool(0, 2), [](Managers& m) -> Task<void> {
    const auto lease = must(co_await ask(m, 0, "s1"));
    m.ahead = m.settings.lease_idle - std::chrono::minutes(1);
    EXPECT_TRUE(
        (co_await m.service(1).renew("agent", lease.instance_id, lease.lease.fencing_token)).has_value());
    m.ahead = m.settings.lease_idle + std::chrono::minutes(1);
    co_await must(m.service(0).pool("agent"))->leases().sweep();
    EXPECT_EQ(must(co_await m.store->pool().find(lease.instance_id)).state, State::leased);
    m.ahead = m.settings.lease_idle * 3;
    co_await must(m.service(0).pool("agent"))->leases().sweep();
    EXPECT_FALSE((co_await m.store->pool().find(lease.instance_id)).has_value());
  });
}

TEST(SharedPools, TakeOverWhatADeadManagerLooksAfter) {
  with_managers(2, small_pool(2, 6), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    const auto lease = must(co_await ask(m, 0, "s1"));
    co_await m.crash(0);
    m.ahead = m.settings.manager_ttl;
    co_await m.reconcile(1);
    m.ahead = 2 * m.settings.manager_ttl;
    co_await m.reconcile(1);
    for (const auto& row : co_await m.rows()) EXPECT_EQ(row.manager, m.fleet(1).manager());
    const auto resumed = must(co_await ask(m, 1, "s1"));
    EXPECT_EQ(resumed.instance_id, lease.instance_id);
    EXPECT_TRUE(resumed.resumed);
    m.restart(0);
  });
}

TEST(SharedPools, LeaveWhatALivingManagerLooksAfter) {
  with_managers(2, small_pool(2, 6), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    std::map<InstanceId, ManagerId> before;
    for (const auto& row : co_await m.rows()) before[row.id] = row.manager;
    co_await m.reconcile(0);
    co_await m.reconcile(1);
    for (const auto& row : co_await m.rows()) EXPECT_EQ(before[row.id], row.manager);
    EXPECT_EQ(m.vms.count(), 2U);
  });
}

TEST(SharedPools, LeaveWhatALivingManagerMakesWhenTheStoreHasForgottenItsHeartbeat) {
  with_managers(2, small_pool(2, 6), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    must(co_await m.store->pool().leave(m.fleet(0).manager()));
    const auto before = co_await m.rows();
    co_await m.reconcile(1);
    for (const auto& row : before)
      EXPECT_EQ(must(co_await m.store->pool().find(row.id)).manager, row.manager);
  });
}

TEST(SharedPools, FinishACreationThatADeadManagerHadBegun) {
  with_managers(1, small_pool(0, 2), [](Managers& m) -> Task<void> {
    store::PoolInstance row;
    row.id = InstanceId("inst_dead");
    row.pool = "agent";
    row.shape = m.fleet(0).digest();
    row.manager = ManagerId("manager_dead");
    must(co_await m.store->pool().reserve(row, {.total = 9, .unleased = 9}));
    cloud_os::VmCreate spec;
    spec.labels = {{std::string(kPoolLabel), "agent"}, {std::string(kInstanceLabel), "inst_dead"}};
    must(co_await m.vms.create(spec, soon()));
    co_await m.reconcile(0);
    EXPECT_EQ(m.vms.count(), 1U) << "nobody has listened for long enough to call it dead";
    m.ahead = m.settings.manager_ttl;
    co_await m.reconcile(0);
    EXPECT_EQ(m.vms.count(), 0U);
    EXPECT_TRUE((co_await m.rows()).empty());
  });
}

TEST(SharedPools, SettleALeaseWhoseAnswerWasLost) {
  with_managers(1, small_pool(1, 2), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    m.view(0).fault = [] { return FlakyStore::Fault::lost; };
    const auto lost = co_await ask(m, 0, "s1");
    EXPECT_EQ(lost.error().code(), "store_unavailable");
    m.view(0).fault = [] { return FlakyStore::Fault::none; };
    auto rows = co_await m.rows();
    const auto leased = std::ranges::find(rows, State::leased, &store::PoolInstance::state);
    EXPECT_NE(leased, rows.end()) << "the step was made";
    co_await m.reconcile(0);
    for (const auto& row : co_await m.rows()) EXPECT_NE(row.state, State::leased) << "nobody holds it";
    EXPECT_TRUE(co_await m.agree());
  });
}

TEST(SharedPools, GiveASessionItsInstanceWhenTheFirstAnswerWasLost) {
  with_managers(1, small_pool(1, 2), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    m.view(0).fault = [] { return FlakyStore::Fault::lost; };
    EXPECT_FALSE((co_await ask(m, 0, "s1")).has_value());
    m.view(0).fault = [] { return FlakyStore::Fault::none; };
    const auto got = must(co_await ask(m, 0, "s1"));
    const auto row = must(co_await m.store->pool().find(got.instance_id));
    EXPECT_EQ(m.vms.binding(row.sandbox_id).lease_id, got.lease.id.value());
    co_await m.reconcile(0);
    EXPECT_TRUE((co_await m.service(0).renew("agent", got.instance_id, got.lease.fencing_token)).has_value());
  });
}

TEST(SharedPools, RefuseAtOnceWithoutTheStoreAndRecoverByThemselves) {
  with_managers(1, small_pool(2, 4), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    m.view(0).fault = [] { return FlakyStore::Fault::refused; };
    const auto refused = co_await ask(m, 0, "s1");
    EXPECT_EQ(refused.error().kind(), ErrorKind::service_unavailable);
    EXPECT_TRUE(refused.error().retry_after().has_value());
    EXPECT_EQ(must(co_await m.service(0).stats("agent")).refusals.at("store_unavailable"), 1);
    m.view(0).fault = [] { return FlakyStore::Fault::none; };
    EXPECT_TRUE((co_await ask(m, 0, "s1")).has_value());
  });
}

TEST(SharedPools, LeaveNoGhostAndNoOrphanWhenTheStoreHasLostItsRows) {
  with_managers(2, small_pool(2, 6), [](Managers& m) -> Task<void> {
    co_await m.service(0).wait_until_filled(soon());
    const auto lease = must(co_await ask(m, 0, "s1"));
    for (const auto& row : co_await m.rows()) must(co_await m.store->pool().remove(row.id));
    for (const auto& id : m.alive()) m.vms.make_older(SandboxId(id), m.settings.orphan_grace);
    const auto other = must(co_await ask(m, 1, "s1"));
    EXPECT_NE(other.instance_id, lease.instance_id);
    EXPECT_GT(other.lease.fencing_token, lease.lease.fencing_token);
    for (std::size_t i = 0; i < 2; ++i) co_await m.reconcile(i);
    co_await m.service(1).wait_until_filled(soon());
    EXPECT_TRUE(co_await m.agree());
  });
}

}  // namespace
}  // namespace isa::pool::testing
