#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::member;
using contract::person;
using contract::platform;
using testing::run;

class SkillStoreTest : public contract::StoreContract {
 protected:
  SkillStore& store() { return engine_->skills(); }

  static Skill skill(std::string id, std::string owner, std::string name, std::optional<OrgId> org = {}) {
    Skill made;
    made.id = SkillId(std::move(id));
    made.owner_id = UserId(std::move(owner));
    made.visibility = org ? Visibility::org : Visibility::private_;
    made.org_id = std::move(org);
    made.name = std::move(name);
    made.description = "What it is for";
    made.metadata = {{"version", "1.0"}};
    made.hash = "hash";
    made.files = {{"SKILL.md", 4, false}};
    made.created_at = made.updated_at = from_millis(1);
    return made;
  }
  static std::vector<PackedFile> some_files() {
    return {{"SKILL.md", "text"}, {"assets/x", std::string("\0\xFF", 2)}, {"scripts/a.sh", "#!", true}};
  }
  Skill created(std::string id, std::string owner, std::string name, std::optional<OrgId> org = {}) {
    auto made = skill(std::move(id), std::move(owner), std::move(name), std::move(org));
    EXPECT_TRUE(run(store().create(made, some_files())));
    return made;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, SkillStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(SkillStoreTest, FindsEveryFieldAndEveryFileOfWhatWasCreated) {
  const auto made = created("s1", "ann", "deploy", OrgId("acme"));

  EXPECT_EQ(json::write(run(store().find(person("ann"), made.id)).value()), json::write(made));
  EXPECT_EQ(json::write(run(store().find_named(person("ann"), "deploy")).value()), json::write(made));
  const auto files = run(store().files(person("ann"), made.id)).value();
  EXPECT_EQ(content_hash(files), content_hash(some_files()));
}

TEST_P(SkillStoreTest, HidesWhatIsNeitherOwnNorShared) {
  const auto hidden = created("s1", "ann", "deploy");
  const auto shared = created("s2", "ann", "review", OrgId("acme"));

  for (const auto& stranger : {person("bob"), member("bob", "other"), member("bob", "acme")}) {
    EXPECT_EQ(failure(run(store().find(stranger, hidden.id))), ErrorKind::not_found);
    EXPECT_EQ(failure(run(store().find_named(stranger, "deploy"))), ErrorKind::not_found);
    EXPECT_EQ(failure(run(store().files(stranger, hidden.id))), ErrorKind::not_found);
    EXPECT_EQ(failure(run(store().remove(stranger, hidden.id))), ErrorKind::not_found);
  }
  EXPECT_TRUE(run(store().find_named(member("bob", "acme"), "review")));
  EXPECT_TRUE(run(store().files(member("bob", "acme"), shared.id)));
  EXPECT_EQ(failure(run(store().find(member("bob", "other"), shared.id))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().find(platform(), hidden.id)));
}

TEST_P(SkillStoreTest, OnesOwnComesBeforeTheOrganizations) {
  created("s1", "ann", "deploy", OrgId("acme"));
  created("s2", "bob", "deploy");

  EXPECT_EQ(run(store().find_named(member("bob", "acme"), "deploy"))->id, SkillId("s2"));
  EXPECT_EQ(run(store().find_named(member("cyd", "acme"), "deploy"))->id, SkillId("s1"));
  const auto listed = run(store().list(member("bob", "acme"))).value();
  ASSERT_EQ(listed.size(), 2U);
  EXPECT_EQ(listed[0].id, SkillId("s2"));
}

TEST_P(SkillStoreTest, ANameIsThereOnceForAnOwnerAndOnceInAnOrganization) {
  created("s1", "ann", "deploy", OrgId("acme"));

  EXPECT_EQ(failure(run(store().create(skill("s2", "ann", "deploy"), {}))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().create(skill("s3", "bob", "deploy", OrgId("acme")), {}))),
            ErrorKind::conflict);
  auto private_one = created("s4", "bob", "deploy");
  private_one.version = 2;
  private_one.visibility = Visibility::org;
  private_one.org_id = OrgId("acme");
  EXPECT_EQ(failure(run(store().update(member("bob", "acme"), private_one, {}))), ErrorKind::conflict);
  EXPECT_EQ(run(store().files(person("bob"), private_one.id))->size(), 3U);
  created("s5", "cyd", "deploy", OrgId("other"));
}

TEST_P(SkillStoreTest, AChangeReplacesTheFilesAndKeepsWhoseItIs) {
  auto next = created("s1", "ann", "deploy", OrgId("acme"));
  next.version = 2;
  next.owner_id = UserId("eve");
  next.name = "other";
  next.description = "changed";

  EXPECT_EQ(failure(run(store().update(member("bob", "acme"), next, {}))),
            ErrorKind::insufficient_permissions);
  EXPECT_EQ(failure(run(store().remove(member("bob", "acme"), next.id))),
            ErrorKind::insufficient_permissions);
  EXPECT_EQ(failure(run(store().update(person("eve"), next, {}))), ErrorKind::not_found);
  const auto saved = run(store().update(member("cyd", "acme", "owner"), next, {{"SKILL.md", "new"}})).value();
  EXPECT_EQ(saved.owner_id, UserId("ann"));
  EXPECT_EQ(saved.name, "deploy");
  const auto files = run(store().files(person("ann"), next.id)).value();
  ASSERT_EQ(files.size(), 1U);
  EXPECT_EQ(files[0].content, "new");
  EXPECT_EQ(failure(run(store().update(person("ann"), next, {}))), ErrorKind::conflict);
}

TEST_P(SkillStoreTest, ARemovedSkillIsGoneWithItsFiles) {
  const auto made = created("s1", "ann", "deploy");
  ASSERT_TRUE(run(store().remove(person("ann"), made.id)));

  EXPECT_EQ(failure(run(store().find(person("ann"), made.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().remove(person("ann"), made.id))), ErrorKind::not_found);
  const auto again = created("s1", "ann", "deploy");
  EXPECT_EQ(run(store().files(person("ann"), again.id))->size(), 3U);
}

TEST_P(SkillStoreTest, AnOwnerHasABoundedNumber) {
  for (std::int64_t i = 0; i < kSkillsPerOwnerMax; ++i)
    ASSERT_TRUE(run(store().create(skill(fmt::format("s{}", i), "ann", fmt::format("n{}", i)), {})));
  EXPECT_EQ(failure(run(store().create(skill("more", "ann", "more"), {}))), ErrorKind::payload_too_large);
  EXPECT_TRUE(run(store().create(skill("more", "bob", "more"), {})));
}

}  // namespace
}  // namespace isa::store
