#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::member;
using contract::person;
using contract::platform;
using testing::run;

class AgentConfigAuditTest : public contract::StoreContract {
 protected:
  AgentConfigStore& store() { return engine_->agent_configs(); }

  AgentConfig created(std::string id, std::string owner = "ann") {
    AgentConfig config;
    config.id = AgentId("agent_" + id);
    config.owner_id = UserId(std::move(owner));
    config.name = "Agent " + id;
    config.model_id = "builtin/demo";
    config.created_at = config.updated_at = from_millis(1000);
    EXPECT_TRUE(run(store().create(config)));
    return config;
  }
  static AgentConfig next_of(AgentConfig config) {
    ++config.version;
    config.updated_at += std::chrono::milliseconds(10);
    return config;
  }
  AgentConfig updated(const AgentConfig& config, const Identity& who = person("ann")) {
    return run(store().update(who, config)).value();
  }
  std::vector<AuditEntry> audit(const AgentConfig& config, const Identity& who = person("ann")) {
    return run(store().audit(who, config.id, "", 100)).value().items;
  }
  static std::vector<std::string> actions(const std::vector<AuditEntry>& entries) {
    std::vector<std::string> names;
    for (const auto& entry : entries) names.emplace_back(json::name_of(entry.action));
    return names;
  }
  using Names = std::vector<std::string>;
};

INSTANTIATE_TEST_SUITE_P(Engines, AgentConfigAuditTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(AgentConfigAuditTest, SaysWhoChangedWhatAndWhenNewestFirst) {
  const auto first = created("a");
  auto next = next_of(first);
  next.name = "Renamed";
  next.tools = {"read_file"};
  const auto second = updated(next);
  EXPECT_TRUE(run(store().remove(person("ann"), first.id, std::nullopt, from_millis(2000))));

  const auto entries = audit(first);
  ASSERT_EQ(actions(entries), (Names{"delete", "update", "create"}));
  EXPECT_EQ(entries[0].at, from_millis(2000));
  EXPECT_EQ(entries[0].version, 2);
  EXPECT_EQ(entries[1].fields, (Names{"name", "tools"}));
  EXPECT_EQ(entries[1].version, 2);
  EXPECT_EQ(entries[1].at, second.updated_at);
  EXPECT_EQ(entries[2].at, first.created_at);
  EXPECT_EQ(entries[2].actor_id, UserId("ann"));
  EXPECT_EQ(entries[2].seq, 1);
}

TEST_P(AgentConfigAuditTest, NamesFieldsAndNeverWhatTheyHold) {
  auto next = next_of(created("a"));
  next.system_prompt = "the secret recipe";
  next.metadata["token"] = "hush";
  updated(next);

  const auto text = json::serialize(json::write(audit(next)));
  EXPECT_NE(text.find("system_prompt"), std::string::npos);
  EXPECT_EQ(text.find("recipe"), std::string::npos);
  EXPECT_EQ(text.find("hush"), std::string::npos);
  EXPECT_EQ(text.find("token"), std::string::npos);
}

TEST_P(AgentConfigAuditTest, SharingIsAnEntryOfItsOwn) {
  auto next = next_of(created("a"));
  next.visibility = Visibility::org;
  next.org_id = OrgId("acme");
  next.name = "Ours";
  const auto shared = updated(next);
  auto back = next_of(shared);
  back.visibility = Visibility::private_;
  back.org_id.reset();
  updated(back, member("boss", "acme", "admin"));

  const auto entries = audit(next);
  ASSERT_EQ(actions(entries), (Names{"share", "share", "update", "create"}));
  EXPECT_EQ(entries[0].actor_id, UserId("boss"));
  EXPECT_EQ(entries[1].fields, (Names{"org_id", "visibility"}));
  EXPECT_EQ(entries[2].fields, Names{"name"});
  EXPECT_EQ(entries[1].version, entries[2].version);
}

TEST_P(AgentConfigAuditTest, ARollbackSaysWhichVersionItRestored) {
  const auto first = created("a");
  auto next = next_of(first);
  next.name = "Renamed";
  const auto second = updated(next);
  auto old = next_of(second);
  old.name = first.name;
  EXPECT_TRUE(run(store().roll_back(person("ann"), old, 1)));

  const auto entries = audit(first);
  ASSERT_EQ(actions(entries), (Names{"rollback", "update", "create"}));
  EXPECT_EQ(entries[0].restored, 1);
  EXPECT_EQ(entries[0].fields, Names{"name"});
  EXPECT_EQ(entries[0].version, 3);
}

TEST_P(AgentConfigAuditTest, AChangeThatWasRefusedLeavesNoEntry) {
  const auto first = created("a");
  auto stale = next_of(next_of(first));
  stale.name = "Too late";
  EXPECT_EQ(failure(run(store().update(person("ann"), stale))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().roll_back(person("ann"), stale, 1))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().update(person("bob"), next_of(first)))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().remove(person("ann"), first.id, 7, from_millis(1)))), ErrorKind::conflict);
  EXPECT_EQ(failure(run(store().create(first))), ErrorKind::conflict);

  EXPECT_EQ(actions(audit(first)), Names{"create"});
}

TEST_P(AgentConfigAuditTest, WhoSeesTheConfigSeesItsAuditAndNobodyElse) {
  auto next = next_of(created("a"));
  next.visibility = Visibility::org;
  next.org_id = OrgId("acme");
  updated(next);

  EXPECT_EQ(audit(next, member("bob", "acme")).size(), 2u);
  EXPECT_EQ(audit(next, platform()).size(), 2u);
  EXPECT_EQ(failure(run(store().audit(person("bob"), next.id, "", 10))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().audit(member("bob", "other"), next.id, "", 10))), ErrorKind::not_found);
}

TEST_P(AgentConfigAuditTest, OfADeletedConfigItIsForTheOwnerAloneUntilThePurge) {
  auto next = next_of(created("a"));
  next.visibility = Visibility::org;
  next.org_id = OrgId("acme");
  updated(next);
  EXPECT_TRUE(run(store().remove(person("ann"), next.id, std::nullopt, from_millis(2000))));

  EXPECT_EQ(audit(next).size(), 3u);
  EXPECT_EQ(failure(run(store().audit(member("bob", "acme"), next.id, "", 10))), ErrorKind::not_found);
  EXPECT_EQ(run(store().purge(from_millis(2001))).value().size(), 1U);
  EXPECT_EQ(failure(run(store().audit(person("ann"), next.id, "", 10))), ErrorKind::not_found);
}

TEST_P(AgentConfigAuditTest, PagesNeitherRepeatNorSkipWhileEntriesAreAdded) {
  auto config = created("a");
  for (int i = 0; i < 4; ++i) {
    config = next_of(config);
    config.name += "!";
    config = updated(config);
  }
  const auto first = run(store().audit(person("ann"), config.id, "", 2)).value();
  config = next_of(config);
  updated(config);
  const auto second = run(store().audit(person("ann"), config.id, first.next_cursor, 2)).value();
  const auto third = run(store().audit(person("ann"), config.id, second.next_cursor, 2)).value();

  EXPECT_EQ(first.items.at(0).seq, 5);
  EXPECT_EQ(second.items.at(0).seq, 3);
  ASSERT_EQ(third.items.size(), 1u);
  EXPECT_EQ(third.items[0].seq, 1);
  EXPECT_EQ(third.next_cursor, "");
  EXPECT_EQ(failure(run(store().audit(person("ann"), config.id, "nonsense", 2))),
            ErrorKind::validation_error);
}

}  // namespace
}  // namespace isa::store
