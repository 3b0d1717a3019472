#include "pool/testing.h"

namespace isa::pool::testing {
namespace {

store::ClaimRequest claim_of(World& world, std::string session) {
  store::ClaimRequest request;
  request.pool = "agent";
  request.shape = world.fleet().digest();
  request.manager = ManagerId("manager_former");
  request.at = now();
  auto& lease = request.lease;
  lease.id = LeaseId::make();
  lease.session_id = SessionId(std::move(session));
  lease.user_id = UserId("alice");
  lease.acquired_at = now();
  lease.expires_at = now() + std::chrono::minutes(30);
  return request;
}

TEST(Compare, ForgivesTheYoungAndThoseInHandButNotOldStrangers) {
  const auto at = now();
  const auto vm = [&](std::string id, std::string instance, std::chrono::seconds age) {
    cloud_os::Vm made;
    made.vm_id = SandboxId(std::move(id));
    made.status = cloud_os::VmStatus::running;
    made.labels.emplace(kInstanceLabel, std::move(instance));
    made.created_at = at - age;
    return made;
  };
  using std::chrono::seconds;
  const std::vector<cloud_os::Vm> vms{vm("young", "a", seconds(5)), vm("old", "b", seconds(100)),
                                      vm("in-hand", "c", seconds(100))};
  const auto found = compare({.rows = {},
                              .vms = vms,
                              .managers = {},
                              .manager = {},
                              .now = at,
                              .grace = seconds(60),
                              .is_in_hand = [](const InstanceId& id) { return id.value() == "c"; }});
  EXPECT_EQ(found.orphans, std::vector<SandboxId>{SandboxId("old")});
}

TEST(Compare, NeverTakesTheSandboxOfARowForAnOrphan) {
  for (const auto state : {State::warm, State::leased, State::draining, State::failed}) {
    store::PoolInstance row;
    row.id = InstanceId("inst");
    row.sandbox_id = SandboxId("vm");
    row.state = state;
    cloud_os::Vm vm;
    vm.vm_id = row.sandbox_id;
    vm.status = cloud_os::VmStatus::running;
    const auto found = compare({.rows = {row},
                                .vms = {vm},
                                .managers = {},
                                .manager = {},
                                .now = now(),
                                .grace = std::chrono::seconds(0),
                                .is_in_hand = [](const InstanceId&) { return false; }});
    EXPECT_TRUE(found.orphans.empty()) << json::name_of(state);
    EXPECT_TRUE(found.lost.empty()) << json::name_of(state);
  }
}

TEST(Reconcile, AdoptsWarmInstancesAndLeasesOfAFormerLife) {
  in_world(small_pool(2, 4), [](World& world) -> Task<void> {
    const auto leased = co_await world.leave_warm_instance();
    const auto claimed = must(co_await world.store->pool().claim(claim_of(world, "s1")));
    const auto warm = co_await world.leave_warm_instance();
    co_await world.service->start();
    co_await world.service->wait_until_filled(soon());

    EXPECT_EQ(world.vms.creates, 3U) << "one more is needed for two warm ones";
    const auto resumed = co_await acquired(world, request_of("s1"));
    EXPECT_TRUE(resumed.resumed);
    EXPECT_EQ(resumed.instance_id, leased.id);
    EXPECT_EQ(resumed.lease.fencing_token, claimed->instance.lease->fencing_token);
    // Nobody knows whether the former life came to bind it.
    EXPECT_EQ(world.vms.binding(leased.sandbox_id).lease_id, resumed.lease.id.value());
    EXPECT_EQ(world.vms.init(leased.sandbox_id).session_id, "s1");
    const auto got = co_await acquired(world, request_of("s2"));
    EXPECT_TRUE(got.warm);
    EXPECT_EQ(got.instance_id, warm.id);
  });
}

TEST(Reconcile, KeepsLeasesOverAStopAndAStart) {
  with_pool(small_pool(2, 4), [](World& world) -> Task<void> {
    const auto before = co_await acquired(world, request_of("s1"));
    co_await world.service->stop(false);
    EXPECT_EQ(world.vms.count(), 1U) << "warm instances go, the leased one stays";
    world.restart();
    co_await world.service->start();
    const auto after = co_await acquired(world, request_of("s1"));
    EXPECT_EQ(after.instance_id, before.instance_id);
    EXPECT_TRUE(after.resumed);
  });
}

TEST(Reconcile, KeepsALeaseWhoseSandboxCannotBeBoundAtTheMoment) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto before = co_await acquired(world, request_of("s1"));
    co_await world.service->stop(false);
    world.restart();
    co_await world.service->start();
    world.vms.failing_binds = 1;
    const auto refused = co_await world.service->acquire("agent", request_of("s1"));
    EXPECT_EQ(kind_of(refused.error()), "service_unavailable");
    EXPECT_TRUE(refused.error().retry_after().has_value());
    const auto after = co_await acquired(world, request_of("s1"));
    EXPECT_EQ(after.instance_id, before.instance_id);
    EXPECT_TRUE(after.resumed);
  });
}

TEST(Reconcile, LeavesNothingOfACreationThatAStopCutsOff) {
  in_world(small_pool(1, 2), [](World& world) -> Task<void> {
    co_await world.service->start();
    co_await until(world, [&] { return world.vms.count() == 1; });
    co_await world.service->stop(false);
    EXPECT_EQ(world.vms.count(), 0U);
    const auto rows = must(co_await world.store->pool().list("agent"));
    EXPECT_TRUE(rows.empty());
  });
}

TEST(Reconcile, FailsTheLeaseOfASandboxThatIsGone) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    co_await world.vms.remove(world.fleet().find(lease.instance_id)->sandbox_id);
    EXPECT_TRUE((co_await world.pool().reconciler().pass()).has_value());
    const auto row = co_await world.store->pool().find(lease.instance_id);
    EXPECT_EQ(kind_of(row.error()), "not_found");
    const auto renewed = co_await world.service->renew("agent", lease.instance_id, lease.lease.fencing_token);
    EXPECT_EQ(renewed.error().code(), "lease_lost");
    EXPECT_NE(renewed.error().message().find("its sandbox is gone"), std::string::npos);
  });
}

TEST(Reconcile, DoesNotTakeOverADeadWarmInstance) {
  in_world(small_pool(1, 2), [](World& world) -> Task<void> {
    const auto dead = co_await world.leave_warm_instance();
    co_await world.vms.kill(dead.sandbox_id);
    co_await world.service->start();
    co_await world.service->wait_until_filled(soon());
    EXPECT_FALSE(world.vms.exists(dead.sandbox_id));
    EXPECT_EQ(world.fleet().find(dead.id), nullptr);
  });
}

TEST(Reconcile, FinishesARemovalThatWasCutOff) {
  in_world(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto leaving = co_await world.leave_warm_instance();
    co_await world.store->pool().move(leaving.id, State::warm, State::draining, now());
    co_await world.service->start();
    EXPECT_FALSE(world.vms.exists(leaving.sandbox_id));
    EXPECT_EQ(world.fleet().all().size(), 0U);
  });
}

TEST(Reconcile, RemovesAnOrphanAfterTheGraceAndNotBefore) {
  with_pool(small_pool(0, 2), [](World& world) -> Task<void> {
    const auto orphan = co_await world.leave_warm_instance();
    co_await world.store->pool().remove(orphan.id);
    EXPECT_TRUE((co_await world.pool().reconciler().pass()).has_value());
    EXPECT_TRUE(world.vms.exists(orphan.sandbox_id));
    world.vms.make_older(orphan.sandbox_id, world.settings.orphan_grace);
    EXPECT_TRUE((co_await world.pool().reconciler().pass()).has_value());
    EXPECT_FALSE(world.vms.exists(orphan.sandbox_id));
  });
}

TEST(Reconcile, ChangesNothingWhenCloudOsCannotBeAsked) {
  with_pool(small_pool(1, 2), [](World& world) -> Task<void> {
    const auto lease = co_await acquired(world, request_of("s1"));
    co_await world.service->wait_until_filled(soon());
    world.vms.is_unreachable = true;
    EXPECT_FALSE((co_await world.pool().reconciler().pass()).has_value());
    world.vms.is_unreachable = false;
    EXPECT_EQ(world.vms.count(), 2U);
    EXPECT_TRUE(
        (co_await world.service->renew("agent", lease.instance_id, lease.lease.fencing_token)).has_value());
  });
}

}  // namespace
}  // namespace isa::pool::testing
