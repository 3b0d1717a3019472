#include "store/pool_contract.h"

namespace isa::store {
namespace {

using contract::failure;
using testing::run;

constexpr PoolRoom kRoom{.total = 100, .unleased = 100};

class PoolStoreTest : public contract::PoolStoreContract {
 protected:
  static PoolInstance row(std::string id, std::int64_t created_at = 1000, std::string pool = "agent") {
    return {.id = InstanceId("inst_" + id),
            .pool = std::move(pool),
            .shape = "small",
            .manager = ManagerId("manager_a"),
            .created_at = from_millis(created_at),
            .changed_at = from_millis(created_at),
            .probed_at = from_millis(created_at)};
  }
  InstanceId creating(std::string id, std::int64_t created_at = 1000, std::string pool = "agent") {
    auto made = row(std::move(id), created_at, std::move(pool));
    EXPECT_TRUE(run(store().reserve(made, kRoom)).value());
    return made.id;
  }
  PoolInstance warm(std::string id, std::int64_t created_at = 1000, std::string pool = "agent") {
    const auto made = creating(id, created_at, std::move(pool));
    return run(store().make_ready(made, SandboxId("vm_" + id), "unix:/" + id, from_millis(created_at)))
        .value();
  }
  static ClaimRequest request_for(std::string session, std::int64_t expires_at = 9000) {
    ClaimRequest request;
    request.pool = "agent";
    request.shape = "small";
    request.manager = ManagerId("manager_b");
    request.at = from_millis(2000);
    request.lease = {.id = LeaseId("lease_" + session),
                     .session_id = SessionId(session),
                     .user_id = UserId("ann"),
                     .org_id = OrgId("acme"),
                     .agent_config_id = AgentId("agent_a"),
                     .acquired_at = from_millis(2000),
                     .expires_at = from_millis(expires_at)};
    return request;
  }
  std::optional<Claimed> claim(std::string session, std::int64_t expires_at = 9000) {
    return run(store().claim(request_for(std::move(session), expires_at))).value();
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, PoolStoreTest, ::testing::ValuesIn(contract::pool_engines()),
                         contract::name_of_pool_engine);

TEST_P(PoolStoreTest, ReservesAsMuchAsThereIsRoomFor) {
  warm("a");
  warm("b");
  claim("sess_a");
  EXPECT_TRUE(run(store().reserve(row("c"), {.total = 3, .unleased = 9})).value());
  EXPECT_FALSE(run(store().reserve(row("d"), {.total = 3, .unleased = 9})).value());
  EXPECT_FALSE(run(store().reserve(row("d"), {.total = 9, .unleased = 2})).value());
  EXPECT_TRUE(run(store().reserve(row("d"), {.total = 9, .unleased = 3})).value());
  EXPECT_EQ(failure(run(store().reserve(row("d"), kRoom))), ErrorKind::conflict);
}

TEST_P(PoolStoreTest, ANewInstanceIsReadyOnceAndOnlyIfNobodyGaveItUp) {
  const auto id = creating("a");
  const auto ready = run(store().make_ready(id, SandboxId("vm_a"), "unix:/a", from_millis(7))).value();
  EXPECT_EQ(ready.state, InstanceState::warm);
  EXPECT_EQ(ready.sandbox_id, SandboxId("vm_a"));
  EXPECT_EQ(ready.endpoint, "unix:/a");
  EXPECT_EQ(ready.probed_at, from_millis(7));
  EXPECT_EQ(failure(run(store().make_ready(id, SandboxId("vm_a"), "", {}))), ErrorKind::conflict);
  ASSERT_TRUE(run(store().remove(id)));
  EXPECT_EQ(failure(run(store().make_ready(id, SandboxId("vm_a"), "", {}))), ErrorKind::not_found);
}

TEST_P(PoolStoreTest, ClaimsTheOldestWarmInstanceOfItsPoolWithItsLease) {
  warm("young", 3000);
  warm("old", 1000);
  creating("creating", 1);
  warm("other", 1, "custom_agent/x");

  const auto claimed = claim("sess_a").value();

  EXPECT_TRUE(claimed.is_new);
  const auto& instance = claimed.instance;
  EXPECT_EQ(instance.id, InstanceId("inst_old"));
  EXPECT_EQ(instance.state, InstanceState::leased);
  EXPECT_EQ(instance.changed_at, from_millis(2000));
  EXPECT_EQ(instance.manager, ManagerId("manager_b"));
  EXPECT_GT(instance.lease.value().fencing_token, 0);
  auto expected = request_for("sess_a").lease;
  expected.fencing_token = instance.lease->fencing_token;
  EXPECT_EQ(json::write(*instance.lease), json::write(expected));
  EXPECT_EQ(json::write(run(store().find(instance.id)).value()), json::write(instance));
}

TEST_P(PoolStoreTest, ClaimsNothingThatIsNotWarmOrOfAnotherShapeOrNotProbedLately) {
  creating("a");
  EXPECT_FALSE(claim("sess_a"));
  const auto id = warm("b").id;
  auto request = request_for("sess_a");
  request.shape = "large";
  EXPECT_FALSE(run(store().claim(request)).value());
  request = request_for("sess_a");
  request.probed_since = from_millis(1500);
  EXPECT_FALSE(run(store().claim(request)).value());
  ASSERT_TRUE(run(store().note_probes({id, InstanceId("inst_none")}, from_millis(1500))));
  EXPECT_TRUE(run(store().claim(request)).value());
  EXPECT_EQ(failure(run(store().find(InstanceId("inst_none")))), ErrorKind::not_found);
}

TEST_P(PoolStoreTest, NeverClaimsAnInstanceTwice) {
  warm("a");
  warm("b");
  const auto first = claim("sess_a");
  const auto second = claim("sess_b");
  EXPECT_NE(first.value().instance.id, second.value().instance.id);
  EXPECT_FALSE(claim("sess_c"));
}

TEST_P(PoolStoreTest, GivesASessionTheInstanceThatItHasAndProlongsItsLease) {
  warm("a");
  warm("b");
  const auto first = claim("sess_a", 5000).value();

  auto request = request_for("sess_a", 8000);
  request.at = from_millis(7000);  // After the lease's end, which nobody has made use of.
  const auto again = run(store().claim(request)).value().value();

  EXPECT_FALSE(again.is_new);
  EXPECT_EQ(again.instance.id, first.instance.id);
  EXPECT_EQ(again.instance.lease->id, first.instance.lease->id);
  EXPECT_EQ(again.instance.lease->fencing_token, first.instance.lease->fencing_token);
  EXPECT_EQ(again.instance.lease->expires_at, from_millis(8000));
  EXPECT_EQ(run(store().find(first.instance.id))->lease->expires_at, from_millis(8000));
  request.pool = "custom_agent/x";
  EXPECT_FALSE(run(store().claim(request)).value());
}

TEST_P(PoolStoreTest, ASessionWhoseLeaseIsOverGetsAnotherInstance) {
  warm("a");
  warm("b");
  const auto first = claim("sess_a").value().instance.id;
  ASSERT_TRUE(run(store().move(first, InstanceState::leased, InstanceState::draining, {})));
  const auto second = claim("sess_a").value();
  EXPECT_TRUE(second.is_new);
  EXPECT_NE(second.instance.id, first);
  ASSERT_TRUE(run(store().remove(first)));
  EXPECT_EQ(claim("sess_a").value().instance.id, second.instance.id) << "the end of the first is not its end";
}

TEST_P(PoolStoreTest, FencingTokensGrowAlsoWhenTheLeasesBeforeAreGone) {
  std::int64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    const auto id = warm("a").id;
    const auto token = claim("sess_a").value().instance.lease.value().fencing_token;
    EXPECT_GT(token, last);
    last = token;
    ASSERT_TRUE(run(store().remove(id)));
  }
}

TEST_P(PoolStoreTest, MovesAnInstanceOnlyFromTheStateThatTheCallerSaw) {
  const auto id = warm("a").id;
  const auto moved = run(store().move(id, InstanceState::warm, InstanceState::draining, from_millis(7)));
  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->state, InstanceState::draining);
  EXPECT_EQ(moved->changed_at, from_millis(7));
  EXPECT_EQ(failure(run(store().move(id, InstanceState::warm, InstanceState::draining, from_millis(8)))),
            ErrorKind::conflict);
  EXPECT_EQ(
      failure(run(store().move(InstanceId("inst_none"), InstanceState::warm, InstanceState::failed, {}))),
      ErrorKind::not_found);
  EXPECT_FALSE(claim("sess_a"));
}

TEST_P(PoolStoreTest, AMoveKeepsTheLeaseWhileDrainingAndThenDropsIt) {
  const auto id = warm("a").id;
  claim("sess_a");
  const auto draining =
      run(store().move(id, InstanceState::leased, InstanceState::draining, from_millis(1))).value();
  const auto destroyed =
      run(store().move(id, InstanceState::draining, InstanceState::destroyed, from_millis(2))).value();
  EXPECT_TRUE(draining.lease);
  EXPECT_FALSE(destroyed.lease);
  EXPECT_FALSE(run(store().find(id))->lease);
}

TEST_P(PoolStoreTest, RenewsALeaseForwardOnlyAndOnlyWithItsToken) {
  const auto id = warm("a").id;
  const auto token = claim("sess_a", 5000).value().instance.lease.value().fencing_token;
  EXPECT_EQ(run(store().renew(id, token, from_millis(6000)))->expires_at, from_millis(6000));
  EXPECT_EQ(run(store().renew(id, token, from_millis(5500)))->expires_at, from_millis(6000));
  EXPECT_EQ(failure(run(store().renew(id, token - 1, from_millis(7000)))), ErrorKind::conflict);
  ASSERT_TRUE(run(store().move(id, InstanceState::leased, InstanceState::draining, from_millis(1))));
  EXPECT_EQ(failure(run(store().renew(id, token, from_millis(8000)))), ErrorKind::conflict);
}

TEST_P(PoolStoreTest, EndsALeaseThatHasRunOutUnlessItWasRenewed) {
  const auto id = warm("a").id;
  const auto token = claim("sess_a", 5000).value().instance.lease.value().fencing_token;
  EXPECT_EQ(failure(run(store().expire(id, from_millis(4999)))), ErrorKind::conflict);
  ASSERT_TRUE(run(store().renew(id, token, from_millis(6000))));
  EXPECT_EQ(failure(run(store().expire(id, from_millis(5000)))), ErrorKind::conflict);
  EXPECT_EQ(run(store().expire(id, from_millis(6000)))->state, InstanceState::draining);
  EXPECT_EQ(failure(run(store().renew(id, token, from_millis(9000)))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().expire(id, from_millis(9000)))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().expire(InstanceId("inst_none"), {}))), ErrorKind::not_found);
}

TEST_P(PoolStoreTest, CountsByStateAndShape) {
  creating("a");
  warm("b");
  warm("c");
  auto other = row("d");
  other.shape = "large";
  ASSERT_TRUE(run(store().reserve(other, kRoom)).value());
  ASSERT_TRUE(run(store().make_ready(other.id, SandboxId("vm_d"), "", {})));
  claim("sess_a");
  ASSERT_TRUE(run(store().move(warm("e").id, InstanceState::warm, InstanceState::failed, {})));
  const auto counts = run(store().counts("agent", "small")).value();
  EXPECT_EQ(counts.creating, 1U);
  EXPECT_EQ(counts.warm, 1U);
  EXPECT_EQ(counts.outdated, 1U);
  EXPECT_EQ(counts.leased, 1U);
  EXPECT_EQ(counts.leaving, 1U);
  EXPECT_EQ(counts.total(), 5U);
  EXPECT_EQ(run(store().counts("other", "small"))->total(), 0U);
}

TEST_P(PoolStoreTest, ListsAPoolAndForgetsWhatIsRemoved) {
  const auto first = warm("b", 1000);
  creating("a", 2000);
  warm("other", 1, "custom_agent/x");
  ASSERT_EQ(run(store().list("agent"))->size(), 2U);
  EXPECT_EQ(json::write(run(store().list("agent"))->at(0)), json::write(first));
  EXPECT_TRUE(run(store().remove(first.id)));
  EXPECT_TRUE(run(store().remove(first.id)));
  EXPECT_EQ(run(store().list("agent"))->size(), 1U);
  EXPECT_EQ(failure(run(store().find(first.id))), ErrorKind::not_found);
}

TEST_P(PoolStoreTest, AnInstanceIsTakenOverByOneManagerOnly) {
  const auto id = warm("a").id;
  const ManagerId a("manager_a"), b("manager_b"), c("manager_c");
  EXPECT_EQ(run(store().adopt(id, a, b))->manager, b);
  EXPECT_EQ(failure(run(store().adopt(id, a, c))), ErrorKind::conflict);
  EXPECT_EQ(run(store().find(id))->manager, b);
  EXPECT_EQ(failure(run(store().adopt(InstanceId("inst_none"), a, b))), ErrorKind::not_found);
}

TEST_P(PoolStoreTest, AManagerLivesUntilItsHeartbeatRunsOutOrItLeaves) {
  const ManagerId a("manager_a"), b("manager_b");
  ASSERT_TRUE(run(store().beat(a, from_millis(100))));
  ASSERT_TRUE(run(store().beat(b, from_millis(200))));
  EXPECT_EQ(run(store().managers(from_millis(99))).value(), (std::set{a, b}));
  EXPECT_EQ(run(store().managers(from_millis(100))).value(), std::set{b});
  ASSERT_TRUE(run(store().beat(a, from_millis(300))));
  ASSERT_TRUE(run(store().leave(b)));
  EXPECT_EQ(run(store().managers(from_millis(100))).value(), std::set{a});
}

TEST_P(PoolStoreTest, KeepsWhatWasDecidedAboutAPool) {
  ASSERT_TRUE(run(store().put_config("custom_agent/x", "{\"max\":1}")));
  ASSERT_TRUE(run(store().put_config("custom_agent/x", "{\"max\":2}")));
  ASSERT_TRUE(run(store().put_config("agent", "{}")));
  using Configs = std::map<std::string, std::string>;
  EXPECT_EQ(run(store().configs()).value(), (Configs{{"agent", "{}"}, {"custom_agent/x", "{\"max\":2}"}}));
  ASSERT_TRUE(run(store().remove_config("agent")));
  ASSERT_TRUE(run(store().remove_config("agent")));
  EXPECT_EQ(run(store().configs())->size(), 1U);
}

}  // namespace
}  // namespace isa::store
