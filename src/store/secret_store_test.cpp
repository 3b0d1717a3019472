#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using testing::run;

class SecretStoreTest : public contract::StoreContract {
 protected:
  SecretStore& store() { return engine_->secrets(); }

  static SealedSecret secret(std::string name, std::string user = "ann", std::optional<OrgId> org = {}) {
    SealedSecret made;
    made.secret = {.id = SecretId::make(),
                   .name = std::move(name),
                   .owner_id = UserId(std::move(user)),
                   .org_id = std::move(org),
                   .kind = SecretKind::header,
                   .hosts = {"api.example.com"},
                   .header = "Authorization: Bearer {}",
                   .created_at = from_millis(1000),
                   .updated_at = from_millis(1000)};
    made.sealed = std::string("sealed\0bytes", 12);
    return made;
  }
  static SealedSecret token(std::string name) {
    auto made = secret(std::move(name));
    made.secret.oauth = SecretOauth{.token_url = "https://auth.example.com/token",
                                    .client_id = "client",
                                    .scope = "read",
                                    .obtained_at = from_millis(1000),
                                    .expires_at = from_millis(5000)};
    return made;
  }
  SealedSecret stored(const SecretId& id) { return run(store().find(id)).value(); }
  std::vector<std::string> names(std::string user, std::optional<OrgId> org = {}) {
    std::vector<std::string> found;
    for (const auto& one : run(store().list(UserId(std::move(user)), std::move(org))).value())
      found.push_back(one.secret.name);
    return found;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, SecretStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(SecretStoreTest, WhatWasPutIsFoundByItsHolderAlone) {
  const auto put = secret("b");
  ASSERT_TRUE(run(store().put(put)));
  ASSERT_TRUE(run(store().put(secret("a"))));
  ASSERT_TRUE(run(store().put(secret("shared", "ann", OrgId("acme")))));
  ASSERT_TRUE(run(store().put(secret("other", "bob"))));

  EXPECT_EQ(names("ann"), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(names("ann", OrgId("acme")), (std::vector<std::string>{"a", "b", "shared"}));
  EXPECT_EQ(names("bob", OrgId("acme")), (std::vector<std::string>{"other", "shared"}));
  const auto found = run(store().list(UserId("ann"), std::nullopt))->at(1);
  EXPECT_EQ(json::write(found.secret), json::write(put.secret));
  EXPECT_EQ(found.sealed, put.sealed);
}

TEST_P(SecretStoreTest, ANewValueKeepsTheIdAndTheTimesOfCreationAndUse) {
  const auto first = run(store().put(secret("a"))).value();
  ASSERT_TRUE(run(store().mark_used({first.id}, from_millis(1500))));
  auto next = secret("a");
  next.sealed = "new";
  next.secret.hosts = {"*.example.com"};
  next.secret.created_at = next.secret.updated_at = from_millis(2000);

  const auto stored = run(store().put(next)).value();

  EXPECT_EQ(stored.id, first.id);
  EXPECT_EQ(stored.created_at, from_millis(1000));
  EXPECT_EQ(stored.updated_at, from_millis(2000));
  EXPECT_EQ(stored.used_at, from_millis(1500));
  const auto found = run(store().list(UserId("ann"), std::nullopt)).value();
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].sealed, "new");
  EXPECT_EQ(json::write(found[0].secret), json::write(stored));
}

TEST_P(SecretStoreTest, RemovingTakesTheOneOfThatHolder) {
  ASSERT_TRUE(run(store().put(secret("a"))));
  ASSERT_TRUE(run(store().put(secret("a", "ann", OrgId("acme")))));

  EXPECT_EQ(failure(run(store().remove(UserId("bob"), std::nullopt, "a"))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().remove(UserId("ann"), std::nullopt, "a")));
  EXPECT_EQ(failure(run(store().remove(UserId("ann"), std::nullopt, "a"))), ErrorKind::not_found);
  EXPECT_EQ(names("ann", OrgId("acme")), std::vector<std::string>{"a"});
}

TEST_P(SecretStoreTest, ARenewalReplacesTheValueAndWhatIsSaidOfItAlone) {
  const auto id = run(store().put(token("a")))->id;
  ASSERT_TRUE(run(store().note_failure(id, stored(id).revision, {"timeout", from_millis(2000)})));
  auto next = stored(id);
  EXPECT_EQ(next.secret.oauth->last_error->code, "timeout");
  next.sealed = "renewed";
  next.secret.hosts = {"elsewhere.example.com"};
  next.secret.oauth->expires_at = from_millis(9000);
  next.secret.oauth->last_error.reset();

  ASSERT_TRUE(run(store().renew(next)));

  const auto found = stored(id);
  EXPECT_EQ(found.sealed, "renewed");
  EXPECT_EQ(found.revision, next.revision + 1);
  EXPECT_EQ(json::write(found.secret.oauth), json::write(next.secret.oauth));
  EXPECT_EQ(found.secret.hosts, std::vector<std::string>{"api.example.com"});
  EXPECT_EQ(found.secret.updated_at, from_millis(1000));
}

TEST_P(SecretStoreTest, WhatSomebodySetMeanwhileIsNotReplacedByARenewal) {
  const auto id = run(store().put(token("a")))->id;
  auto late = stored(id);
  auto set = token("a");
  set.sealed = "set by hand";
  ASSERT_TRUE(run(store().put(set)));

  late.sealed = "renewed";
  EXPECT_EQ(failure(run(store().renew(late))), ErrorKind::conflict);
  EXPECT_TRUE(run(store().note_failure(id, late.revision, {"invalid_grant", from_millis(2000)})));

  EXPECT_EQ(stored(id).sealed, "set by hand");
  EXPECT_FALSE(stored(id).secret.oauth->last_error);
  ASSERT_TRUE(run(store().remove(UserId("ann"), std::nullopt, "a")));
  EXPECT_EQ(failure(run(store().renew(late))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().find(id))), ErrorKind::not_found);
  EXPECT_TRUE(run(store().note_failure(id, late.revision, {"timeout", from_millis(2000)})));
}

}  // namespace
}  // namespace isa::store
