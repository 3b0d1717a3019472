#include "store/contract.h"

namespace isa::store {
namespace {

using contract::failure;
using contract::member;
using contract::person;
using contract::platform;
using testing::run;

class AgentConfigStoreTest : public contract::StoreContract {
 protected:
  AgentConfigStore& store() { return engine_->agent_configs(); }

  AgentConfig make(std::string id, std::string owner, std::int64_t updated_at = 1000) {
    AgentConfig config;
    config.id = AgentId("agent_" + id);
    config.owner_id = UserId(std::move(owner));
    config.name = "Agent " + id;
    config.model_id = "builtin/demo";
    config.created_at = from_millis(500);
    config.updated_at = from_millis(updated_at);
    return config;
  }
  AgentConfig make_shared(std::string id, std::string owner, std::string org,
                          std::int64_t updated_at = 1000) {
    auto config = make(std::move(id), std::move(owner), updated_at);
    config.visibility = Visibility::org;
    config.org_id = OrgId(std::move(org));
    return config;
  }
  AgentConfig created(AgentConfig config) {
    EXPECT_TRUE(run(store().create(config)));
    return config;
  }
  static AgentConfig next_of(AgentConfig config, std::string name) {
    ++config.version;
    config.name = std::move(name);
    config.updated_at += std::chrono::milliseconds(10);
    return config;
  }
  std::vector<std::string> ids(const Identity& scope, std::size_t page_size) {
    std::vector<std::string> all;
    std::string cursor;
    do {
      const auto page = run(store().list(scope, cursor, page_size)).value();
      EXPECT_LE(page.items.size(), page_size);
      for (const auto& config : page.items) all.push_back(config.id.value());
      cursor = page.next_cursor;
    } while (!cursor.empty());
    return all;
  }
};

INSTANTIATE_TEST_SUITE_P(Engines, AgentConfigStoreTest, ::testing::ValuesIn(contract::engines()),
                         contract::name_of_engine);

TEST_P(AgentConfigStoreTest, FindsEveryFieldOfWhatWasCreated) {
  auto config = make_shared("a", "ann", "acme");
  config.description = "says \"hello\" \xf0\x9f\x91\x8b";
  config.source = AgentSource::template_;
  config.template_id = TemplateId("researcher");
  config.system_prompt = std::string("line\nzero\0end", 13);
  config.tools = {"read_file", "mcp:x/*"};
  config.skills = {"web"};
  config.mcp_servers = {{"x", {{"command", "run"}, {"args", {1, 2.5, nullptr}}}}};
  config.mode = Mode::PROACTIVE;
  config.env = ExecutionEnv::cloud_shared;
  config.approvals = {{"bash_*", 60, OnTimeout::default_}};
  config.limits.max_tokens = 1'000'000'000'000;
  config.limits.max_usd = 0.25;
  config.egress = {"*.example.org"};
  config.metadata = {{"deployment_id", "d1"}};
  created(config);

  const auto found = run(store().find(person("ann"), config.id));

  ASSERT_TRUE(found) << found.error().message() << found.error().detail();
  EXPECT_EQ(json::serialize(json::write(*found)), json::serialize(json::write(config)));
}

TEST_P(AgentConfigStoreTest, RefusesAnIdThatIsTakenAlsoByADeletedOne) {
  const auto config = created(make("a", "ann"));
  EXPECT_EQ(failure(run(store().create(make("a", "bob")))), ErrorKind::conflict);

  ASSERT_TRUE(run(store().remove(person("ann"), config.id, std::nullopt, from_millis(2000))));

  EXPECT_EQ(failure(run(store().create(make("a", "bob")))), ErrorKind::conflict);
}

TEST_P(AgentConfigStoreTest, HidesPrivateAgentsFromEverybodyButTheOwnerAndThePlatform) {
  const auto config = created(make("a", "ann"));

  EXPECT_TRUE(run(store().find(person("ann"), config.id)));
  EXPECT_TRUE(run(store().find(platform(), config.id)));
  EXPECT_EQ(failure(run(store().find(person("bob"), config.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().find(person("ann"), AgentId("agent_none")))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().versions(person("bob"), config.id, "", 10))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().find_version(person("bob"), config.id, 1))), ErrorKind::not_found);
}

TEST_P(AgentConfigStoreTest, AnInternalCallerThatActsForAUserIsThatUser) {
  const auto config = created(make("a", "ann"));
  auto for_bob = person("bob");
  for_bob.is_internal = true;

  EXPECT_EQ(failure(run(store().find(for_bob, config.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().find(person("internal-service"), config.id))), ErrorKind::not_found);
}

TEST_P(AgentConfigStoreTest, SharesWithTheOrgOnlyWhatIsVisibleToIt) {
  const auto shared = created(make_shared("a", "ann", "acme"));
  auto hidden = make_shared("b", "ann", "acme");
  hidden.visibility = Visibility::private_;
  created(hidden);

  EXPECT_TRUE(run(store().find(member("bob", "acme"), shared.id)));
  EXPECT_EQ(failure(run(store().find(member("bob", "other"), shared.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().find(member("bob", "acme", "admin"), hidden.id))), ErrorKind::not_found);
  EXPECT_EQ(ids(member("bob", "acme"), 10), std::vector<std::string>{"agent_a"});
}

TEST_P(AgentConfigStoreTest, OnlyTheOwnerOrAnAdminOfTheOrgChangesASharedAgent) {
  const auto config = created(make_shared("a", "ann", "acme"));
  const auto next = next_of(config, "changed");

  EXPECT_EQ(failure(run(store().update(member("bob", "acme"), next))), ErrorKind::insufficient_permissions);
  EXPECT_EQ(
      failure(run(store().remove(member("bob", "acme", "viewer"), config.id, std::nullopt, from_millis(1)))),
      ErrorKind::insufficient_permissions);
  EXPECT_EQ(failure(run(store().update(person("eve"), next))), ErrorKind::not_found);
  EXPECT_EQ(run(store().find(person("ann"), config.id))->name, "Agent a");
  EXPECT_TRUE(run(store().update(member("cyd", "acme", "admin"), next)));
  EXPECT_TRUE(run(store().update(person("ann"), next_of(next, "again"))));
}

TEST_P(AgentConfigStoreTest, AnUpdateKeepsOwnerAndTimeOfCreation) {
  const auto config = created(make("a", "ann"));
  auto next = next_of(config, "changed");
  next.owner_id = UserId("eve");
  next.created_at = from_millis(9);

  const auto saved = run(store().update(person("ann"), next));

  ASSERT_TRUE(saved);
  EXPECT_EQ(saved->name, "changed");
  EXPECT_EQ(saved->owner_id, UserId("ann"));
  EXPECT_EQ(saved->created_at, config.created_at);
  EXPECT_EQ(json::write(*run(store().find(person("ann"), config.id))), json::write(*saved));
}

TEST_P(AgentConfigStoreTest, OnlyOneOfTwoUpdatesOfTheSameVersionWins) {
  const auto config = created(make("a", "ann"));

  EXPECT_TRUE(run(store().update(person("ann"), next_of(config, "first"))));
  EXPECT_EQ(failure(run(store().update(person("ann"), next_of(config, "second")))), ErrorKind::conflict);
  EXPECT_EQ(run(store().find(person("ann"), config.id))->name, "first");
}

TEST_P(AgentConfigStoreTest, KeepsEveryVersion) {
  const auto first = created(make("a", "ann"));
  ASSERT_TRUE(run(store().update(person("ann"), next_of(first, "second"))));

  const auto versions = run(store().versions(person("ann"), first.id, "", 10)).value().items;

  ASSERT_EQ(versions.size(), 2U);
  EXPECT_EQ(versions[0].name, "second");
  EXPECT_EQ(versions[1].name, "Agent a");
  EXPECT_EQ(run(store().find_version(person("ann"), first.id, 1))->name, "Agent a");
  EXPECT_EQ(failure(run(store().find_version(person("ann"), first.id, 3))), ErrorKind::not_found);
}

TEST_P(AgentConfigStoreTest, VersionsComeInPages) {
  auto config = created(make("a", "ann"));
  for (int i = 2; i <= 5; ++i)
    config = run(store().update(person("ann"), next_of(config, fmt::format("name {}", i)))).value();
  std::vector<std::int64_t> seen;
  std::vector<std::size_t> sizes;
  std::string cursor;
  do {
    const auto page = run(store().versions(person("ann"), config.id, cursor, 2)).value();
    for (const auto& one : page.items) seen.push_back(one.version);
    sizes.push_back(page.items.size());
    cursor = page.next_cursor;
  } while (!cursor.empty());
  EXPECT_EQ(seen, (std::vector<std::int64_t>{5, 4, 3, 2, 1}));
  EXPECT_EQ(sizes, (std::vector<std::size_t>{2, 2, 1}));
  EXPECT_EQ(failure(run(store().versions(person("ann"), config.id, "nonsense", 2))),
            ErrorKind::validation_error);
}

TEST_P(AgentConfigStoreTest, APageOfLargeVersionsEndsEarly) {
  auto config = make("a", "ann");
  config.system_prompt = std::string(std::size_t{2} << 20, 'x');
  config = created(config);
  for (int i = 2; i <= 5; ++i)
    config = run(store().update(person("ann"), next_of(config, fmt::format("name {}", i)))).value();
  const auto page = run(store().versions(person("ann"), config.id, "", 100)).value();
  EXPECT_EQ(page.items.size(), 2U);  // The second one passes 4 MB, with what else a config says.
  const auto rest = run(store().versions(person("ann"), config.id, page.next_cursor, 100)).value();
  EXPECT_EQ(rest.items.front().version, 3);
}

TEST_P(AgentConfigStoreTest, ARemovedAgentIsGoneAtOnceForEverybody) {
  const auto config = created(make("a", "ann"));

  ASSERT_TRUE(run(store().remove(person("ann"), config.id, 1, from_millis(2000))));

  EXPECT_EQ(failure(run(store().find(person("ann"), config.id))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().update(person("ann"), next_of(config, "x")))), ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().remove(person("ann"), config.id, std::nullopt, from_millis(2)))),
            ErrorKind::not_found);
  EXPECT_EQ(failure(run(store().versions(person("ann"), config.id, "", 10))), ErrorKind::not_found);
  EXPECT_TRUE(ids(person("ann"), 10).empty());
  EXPECT_TRUE(ids(platform(), 10).empty());
}

TEST_P(AgentConfigStoreTest, RefusesToRemoveAnotherVersionThanTheExpectedOne) {
  const auto config = created(make("a", "ann"));

  EXPECT_EQ(failure(run(store().remove(person("ann"), config.id, 2, from_millis(2000)))),
            ErrorKind::conflict);
  EXPECT_TRUE(run(store().find(person("ann"), config.id)));
}

TEST_P(AgentConfigStoreTest, PurgesWhatWasRemovedBeforeWithItsVersions) {
  const auto old = created(make("old", "ann"));
  const auto fresh = created(make("fresh", "ann"));
  const auto live = created(make("live", "ann"));
  ASSERT_TRUE(run(store().remove(person("ann"), old.id, std::nullopt, from_millis(2000))));
  ASSERT_TRUE(run(store().remove(person("ann"), fresh.id, std::nullopt, from_millis(3000))));

  EXPECT_EQ(run(store().purge(from_millis(3000))).value(), std::vector{old.id});

  EXPECT_TRUE(run(store().find(person("ann"), live.id)));
  EXPECT_TRUE(run(store().create(make("old", "bob"))));  // Its id and its versions are free again.
  EXPECT_EQ(run(store().versions(person("bob"), old.id, "", 10))->items.size(), 1U);
}

TEST_P(AgentConfigStoreTest, ListsNewestUpdateFirstAcrossPages) {
  created(make("a", "ann", 10));
  created(make("c", "ann", 30));
  created(make("b1", "ann", 20));
  created(make("b2", "ann", 20));
  created(make("x", "bob", 40));

  const std::vector<std::string> expected{"agent_c", "agent_b2", "agent_b1", "agent_a"};
  EXPECT_EQ(ids(person("ann"), 1), expected);
  EXPECT_EQ(ids(person("ann"), 3), expected);
  EXPECT_EQ(ids(person("ann"), 4), expected);
  EXPECT_EQ(ids(platform(), 2).size(), 5U);
}

TEST_P(AgentConfigStoreTest, ListsOwnAndSharedAgentsInOneOrderWithoutRepetition) {
  created(make_shared("a", "ann", "acme", 10));
  created(make_shared("b", "bob", "acme", 20));
  created(make("c", "ann", 30));
  created(make_shared("d", "cyd", "apex", 40));
  created(make_shared("e", "eve", "else", 50));
  auto ann = member("ann", "acme");
  ann.orgs.push_back({OrgId("apex"), "viewer"});
  ann.orgs.push_back({OrgId("apex"), "admin"});

  const std::vector<std::string> expected{"agent_d", "agent_c", "agent_b", "agent_a"};
  for (const std::size_t page_size : {1, 2, 3, 10}) EXPECT_EQ(ids(ann, page_size), expected) << page_size;
}

TEST_P(AgentConfigStoreTest, AnUpdateBetweenTwoPagesRepeatsNothing) {
  for (int i = 0; i < 6; ++i) created(make(std::to_string(i), "ann", 100 + i));
  const auto first = run(store().list(person("ann"), "", 3)).value();
  auto moved = next_of(first.items[2], "moved");
  moved.updated_at = from_millis(999);
  ASSERT_TRUE(run(store().update(person("ann"), moved)));

  const auto second = run(store().list(person("ann"), first.next_cursor, 3)).value();

  ASSERT_EQ(second.items.size(), 3U);
  EXPECT_EQ(second.items[0].id, AgentId("agent_2"));
  EXPECT_EQ(second.items[2].id, AgentId("agent_0"));
  EXPECT_TRUE(second.next_cursor.empty());
}

TEST_P(AgentConfigStoreTest, RefusesACursorThatItDidNotMake) {
  for (const std::string cursor : {"x", "####", "MTIz", "OmE", "YTpi", "MTo"}) {
    const auto page = run(store().list(person("ann"), cursor, 3));
    ASSERT_FALSE(page) << cursor;
    EXPECT_EQ(page.error().kind(), ErrorKind::validation_error);
    EXPECT_EQ(page.error().param(), "/cursor");
  }
}

}  // namespace
}  // namespace isa::store
