#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::member;
using contract::person;
using contract::platform;
using testing::run;

class TeamSpecStoreTest : public contract::StoreContract {
 protected:
  TeamSpecStore& store() { return engine_->teams(); }

  TeamSpec created(std::string id, std::string owner, std::optional<OrgId> org = {},
                   std::int64_t updated_at = 1) {
    TeamSpec spec;
    spec.id = TeamId(id);
    spec.owner_id = UserId(std::move(owner));
    spec.visibility = org ? Visibility::org : Visibility::private_;
    spec.org_id = std::move(org);
    spec.name = "Team " + id;
    spec.routing_type = "dag";
    spec.routing_spec = {{"agents", {{{"name", "a"}}}}};
    spec.updated_at = from_millis(updated_at);
    EXPECT_TRUE(run(store().create(spec)));
    return spec;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, TeamSpecStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(TeamSpecStoreTest, FindsEveryFieldOfWhatWasCreated) {
  const auto spec = created("a", "ann", OrgId("acme"));

  EXPECT_EQ(json::write(run(store().find(person("ann"), spec.id)).value()), json::write(spec));
  EXPECT_EQ(failure(run(store().create(spec))), ErrorKind::conflict);
}

TEST_P(TeamSpecStoreTest, HidesWhatIsNeitherOwnNorShared) {
  const auto hidden = created("a", "ann");
  const auto shared = created("b", "ann", OrgId("acme"));

  EXPECT_EQ(failure(run(store().find(member("bob", "acme"), hidden.id))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().find(member("bob", "acme"), shared.id)));
  EXPECT_EQ(failure(run(store().find(member("bob", "other"), shared.id))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().find(platform(), hidden.id)));
}

TEST_P(TeamSpecStoreTest, ListsPagesNewestUpdateFirstWithoutRepetition) {
  created("a", "ann", std::nullopt, 10);
  created("b", "ann", OrgId("acme"), 30);
  created("c", "bob", OrgId("acme"), 20);
  created("d", "bob", std::nullopt, 40);

  const auto first = run(store().list(member("ann", "acme"), "", 2)).value();
  const auto second = run(store().list(member("ann", "acme"), first.next_cursor, 2)).value();

  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[0].id, TeamId("b"));
  EXPECT_EQ(first.items[1].id, TeamId("c"));
  ASSERT_EQ(second.items.size(), 1U);
  EXPECT_EQ(second.items[0].id, TeamId("a"));
  EXPECT_EQ(second.next_cursor, "");
  EXPECT_EQ(run(store().list(platform(), "", 10))->items.size(), 4U);
  EXPECT_TRUE(run(store().list(person("eve"), "", 10))->items.empty());
  EXPECT_EQ(failure(run(store().list(person("ann"), "nonsense", 10))), ErrorKind::validation_error);
}

TEST_P(TeamSpecStoreTest, OnlyTheOwnerOrAnAdminOfTheOrgChangesIt) {
  auto next = created("a", "ann", OrgId("acme"));
  next.version = 2;
  next.name = "changed";
  next.owner_id = UserId("eve");

  EXPECT_EQ(failure(run(store().update(member("bob", "acme"), next))), ErrorKind::insufficient_permissions);
  EXPECT_EQ(failure(run(store().remove(member("bob", "acme"), next.id, {}))),
            ErrorKind::insufficient_permissions);
  EXPECT_EQ(failure(run(store().update(person("eve"), next))), ErrorKind::not_found);
  const auto saved = run(store().update(member("cyd", "acme", "owner"), next));
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->owner_id, UserId("ann"));
  EXPECT_EQ(saved->name, "changed");
  EXPECT_EQ(failure(run(store().update(person("ann"), next))), ErrorKind::conflict);
}

TEST_P(TeamSpecStoreTest, KeepsEveryVersionAndShowsThemToWhoeverSeesTheTeam) {
  const auto first = created("a", "ann", OrgId("acme"));
  auto next = first;
  next.version = 2;
  next.name = "changed";
  ASSERT_TRUE(run(store().update(person("ann"), next)));

  const auto all = run(store().versions(member("bob", "acme"), first.id, "", 1)).value().items;
  ASSERT_EQ(all.size(), 1U);
  EXPECT_EQ(all[0].name, "changed");
  EXPECT_EQ(json::write(run(store().find_version(person("ann"), first.id, 1)).value()), json::write(first));
  EXPECT_EQ(failure(run(store().find_version(person("ann"), first.id, 3))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().versions(person("eve"), first.id, "", 1))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().find_version(person("eve"), first.id, 1))), ErrorKind::not_found);
  ASSERT_TRUE(run(store().remove(person("ann"), first.id, {})));
  EXPECT_EQ(failure(run(store().find_version(person("ann"), first.id, 1))), ErrorKind::not_found);
}

TEST_P(TeamSpecStoreTest, ARemovedTeamIsGoneAndAnOldVersionRemovesNothing) {
  const auto spec = created("a", "ann");

  EXPECT_EQ(failure(run(store().remove(person("ann"), spec.id, 2))), ErrorKind::conflict);
  ASSERT_TRUE(run(store().remove(person("ann"), spec.id, 1)));

  EXPECT_EQ(failure(run(store().find(person("ann"), spec.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().remove(person("ann"), spec.id, {}))), ErrorKind::not_found);
}

}  // namespace
}  // namespace isa::store
