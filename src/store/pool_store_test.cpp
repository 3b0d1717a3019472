#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using testing::run;

class PoolStoreTest : public contract::StoreContract {
 protected:
  PoolStore& store() { return engine_->pool(); }

  PoolInstance added(std::string id, InstanceState state = InstanceState::warm,
                     std::int64_t created_at = 1000, std::string pool_type = "agent") {
    const PoolInstance instance{.id = InstanceId("inst_" + id),
                                .pool_type = std::move(pool_type),
                                .sandbox_id = SandboxId("vm_" + id),
                                .state = state,
                                .created_at = from_millis(created_at),
                                .changed_at = from_millis(created_at)};
    EXPECT_TRUE(run(store().add(instance)));
    return instance;
  }
  static Lease lease_for(std::string session, std::int64_t expires_at = 9000) {
    return Lease{.id = LeaseId("lease_" + session),
                 .session_id = SessionId(std::move(session)),
                 .user_id = UserId("ann"),
                 .org_id = OrgId("acme"),
                 .agent_config_id = AgentId("agent_a"),
                 .acquired_at = from_millis(2000),
                 .expires_at = from_millis(expires_at)};
  }
  std::optional<PoolInstance> claim(std::string session, std::int64_t expires_at = 9000) {
    return run(store().claim("agent", lease_for(std::move(session), expires_at), from_millis(2000))).value();
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, PoolStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(PoolStoreTest, ClaimsTheOldestWarmInstanceOfItsPoolWithItsLease) {
  added("young", InstanceState::warm, 3000);
  added("old", InstanceState::warm, 1000);
  added("creating", InstanceState::creating, 1);
  added("other", InstanceState::warm, 1, "custom_agent");

  const auto claimed = claim("sess_a");

  ASSERT_TRUE(claimed);
  EXPECT_EQ(claimed->id, InstanceId("inst_old"));
  EXPECT_EQ(claimed->state, InstanceState::leased);
  EXPECT_EQ(claimed->changed_at, from_millis(2000));
  EXPECT_GT(claimed->lease.value().fencing_token, 0);
  auto expected = lease_for("sess_a");
  expected.fencing_token = claimed->lease->fencing_token;
  EXPECT_EQ(json::write(*claimed->lease), json::write(expected));
  EXPECT_EQ(json::write(run(store().find(claimed->id)).value()), json::write(*claimed));
}

TEST_P(PoolStoreTest, ClaimsNothingWhenNothingIsWarm) {
  added("a", InstanceState::draining);
  EXPECT_FALSE(claim("sess_a"));
}

TEST_P(PoolStoreTest, NeverClaimsAnInstanceTwice) {
  added("a");
  added("b");

  const auto first = claim("sess_a");
  const auto second = claim("sess_b");

  EXPECT_NE(first.value().id, second.value().id);
  EXPECT_FALSE(claim("sess_c"));
}

TEST_P(PoolStoreTest, FencingTokensGrowAlsoWhenTheLeasesBeforeAreGone) {
  std::int64_t last = 0;
  for (int i = 0; i < 3; ++i) {
    const auto id = added("a").id;
    const auto token = claim("sess_a").value().lease.value().fencing_token;
    EXPECT_GT(token, last);
    last = token;
    ASSERT_TRUE(run(store().remove(id)));
  }
}

TEST_P(PoolStoreTest, MovesAnInstanceOnlyFromTheStateThatTheCallerSaw) {
  const auto id = added("a", InstanceState::creating).id;

  const auto moved = run(store().move(id, InstanceState::creating, InstanceState::warm, from_millis(7)));

  ASSERT_TRUE(moved);
  EXPECT_EQ(moved->state, InstanceState::warm);
  EXPECT_EQ(moved->changed_at, from_millis(7));
  EXPECT_EQ(failure(run(store().move(id, InstanceState::creating, InstanceState::warm, from_millis(8)))),
            ErrorKind::conflict);
  EXPECT_EQ(
      failure(run(store().move(InstanceId("inst_none"), InstanceState::warm, InstanceState::failed, {}))),
      ErrorKind::not_found);
}

TEST_P(PoolStoreTest, AMoveKeepsTheLeaseWhileDrainingAndThenDropsIt) {
  const auto id = added("a").id;
  claim("sess_a");

  const auto draining =
      run(store().move(id, InstanceState::leased, InstanceState::draining, from_millis(1))).value();
  const auto destroyed =
      run(store().move(id, InstanceState::draining, InstanceState::destroyed, from_millis(2))).value();

  EXPECT_TRUE(draining.lease);
  EXPECT_FALSE(destroyed.lease);
  EXPECT_FALSE(run(store().find(id))->lease);
}

TEST_P(PoolStoreTest, FindsTheLiveInstanceOfASession) {
  added("a");
  const auto claimed = claim("sess_a", 5000).value();

  const auto found = run(store().find_session("agent", SessionId("sess_a"), from_millis(4999))).value();

  ASSERT_TRUE(found);
  EXPECT_EQ(found->id, claimed.id);
  EXPECT_FALSE(run(store().find_session("agent", SessionId("sess_a"), from_millis(5000))).value());
  EXPECT_FALSE(run(store().find_session("custom_agent", SessionId("sess_a"), from_millis(1))).value());
  EXPECT_FALSE(run(store().find_session("agent", SessionId("sess_b"), from_millis(1))).value());
  ASSERT_TRUE(run(store().move(claimed.id, InstanceState::leased, InstanceState::draining, from_millis(1))));
  EXPECT_FALSE(run(store().find_session("agent", SessionId("sess_a"), from_millis(1))).value());
}

TEST_P(PoolStoreTest, RenewsALeaseForwardOnlyAndOnlyWithItsToken) {
  const auto id = added("a").id;
  const auto token = claim("sess_a", 5000).value().lease.value().fencing_token;

  EXPECT_EQ(run(store().renew(id, token, from_millis(6000)))->expires_at, from_millis(6000));
  EXPECT_EQ(run(store().renew(id, token, from_millis(5500)))->expires_at, from_millis(6000));
  EXPECT_EQ(failure(run(store().renew(id, token - 1, from_millis(7000)))), ErrorKind::conflict);
  ASSERT_TRUE(run(store().move(id, InstanceState::leased, InstanceState::draining, from_millis(1))));
  EXPECT_EQ(failure(run(store().renew(id, token, from_millis(8000)))), ErrorKind::conflict);
}

TEST_P(PoolStoreTest, ListsAPoolAndForgetsWhatIsRemoved) {
  const auto first = added("b", InstanceState::warm, 1000);
  added("a", InstanceState::failed, 2000);
  added("other", InstanceState::warm, 1, "custom_agent");

  ASSERT_EQ(run(store().list("agent"))->size(), 2U);
  EXPECT_EQ(run(store().list("agent"))->at(0).id, first.id);
  EXPECT_EQ(failure(run(store().add(first))), ErrorKind::conflict);
  EXPECT_TRUE(run(store().remove(first.id)));
  EXPECT_TRUE(run(store().remove(first.id)));
  EXPECT_EQ(run(store().list("agent"))->size(), 1U);
  EXPECT_EQ(failure(run(store().find(first.id))), ErrorKind::not_found);
}

}  // namespace
}  // namespace isa::store
