#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::member;
using contract::person;
using contract::platform;
using testing::run;

class TemplateStoreTest : public contract::StoreContract {
 protected:
  TemplateStore& store() { return engine_->templates(); }

  AgentTemplate created(std::string id, std::string owner, std::optional<OrgId> org = {},
                        std::int64_t updated_at = 1) {
    AgentTemplate item;
    item.id = TemplateId(id);
    item.owner_id = UserId(std::move(owner));
    item.visibility = org ? Visibility::org : Visibility::private_;
    item.org_id = std::move(org);
    item.name = "Template " + id;
    item.tools = {"read_file"};
    item.metadata = {{"k", 1}};
    item.updated_at = from_millis(updated_at);
    EXPECT_TRUE(run(store().create(item)));
    return item;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, TemplateStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(TemplateStoreTest, FindsEveryFieldOfWhatWasCreated) {
  const auto item = created("a", "ann", OrgId("acme"));

  EXPECT_EQ(json::write(run(store().find(person("ann"), item.id)).value()), json::write(item));
  EXPECT_EQ(failure(run(store().create(item))), ErrorKind::conflict);
}

TEST_P(TemplateStoreTest, RefusesATemplateWithoutAnOwner) {
  AgentTemplate item;
  item.id = TemplateId("a");
  EXPECT_EQ(failure(run(store().create(item))), ErrorKind::internal_error);
}

TEST_P(TemplateStoreTest, HidesWhatIsNeitherOwnNorShared) {
  const auto hidden = created("a", "ann");
  const auto shared = created("b", "ann", OrgId("acme"));

  EXPECT_EQ(failure(run(store().find(member("bob", "acme"), hidden.id))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().find(member("bob", "acme"), shared.id)));
  EXPECT_EQ(failure(run(store().find(member("bob", "other"), shared.id))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().find(platform(), hidden.id)));
}

TEST_P(TemplateStoreTest, ListsNewestUpdateFirstWithoutRepetition) {
  created("a", "ann", std::nullopt, 10);
  created("b", "ann", OrgId("acme"), 30);
  created("c", "bob", OrgId("acme"), 20);
  created("d", "bob", std::nullopt, 40);

  const auto items = run(store().list(member("ann", "acme"))).value();

  ASSERT_EQ(items.size(), 3U);
  EXPECT_EQ(items[0].id, TemplateId("b"));
  EXPECT_EQ(items[1].id, TemplateId("c"));
  EXPECT_EQ(items[2].id, TemplateId("a"));
  EXPECT_EQ(run(store().list(platform()))->size(), 4U);
  EXPECT_TRUE(run(store().list(person("eve")))->empty());
}

TEST_P(TemplateStoreTest, OnlyTheOwnerOrAnAdminOfTheOrgChangesIt) {
  auto next = created("a", "ann", OrgId("acme"));
  next.version = 2;
  next.name = "changed";
  next.owner_id = UserId("eve");

  EXPECT_EQ(failure(run(store().update(member("bob", "acme"), next))), ErrorKind::insufficient_permissions);
  EXPECT_EQ(failure(run(store().remove(member("bob", "acme"), next.id))),
            ErrorKind::insufficient_permissions);
  EXPECT_EQ(failure(run(store().update(person("eve"), next))), ErrorKind::not_found);
  const auto saved = run(store().update(member("cyd", "acme", "owner"), next));
  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->owner_id, UserId("ann"));
  EXPECT_EQ(failure(run(store().update(person("ann"), next))), ErrorKind::conflict);
}

TEST_P(TemplateStoreTest, ARemovedTemplateIsGone) {
  const auto item = created("a", "ann");

  ASSERT_TRUE(run(store().remove(person("ann"), item.id)));

  EXPECT_EQ(failure(run(store().find(person("ann"), item.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().remove(person("ann"), item.id))), ErrorKind::not_found);
}

}  // namespace
}  // namespace isa::store
