// What is particular to the SQLite engine: how it opens, what it refuses, how it behaves on a full disk.
#include "store/sqlite/sqlite_store.h"

#include "store/contract.h"
#include "store/full_disk.h"
#include "store/sqlite/migrations.h"
#include "store/sqlite/query.h"

#include <gtest/gtest.h>

#include <fstream>

#include <unistd.h>

namespace isa::store::sqlite {
namespace {

using contract::failure;
using contract::person;
using isa::testing::run;
using isa::testing::TempFolder;

AgentConfig config_named(std::string id, std::size_t prompt_bytes = 10) {
  AgentConfig config;
  config.id = AgentId(std::move(id));
  config.owner_id = UserId("ann");
  config.system_prompt = std::string(prompt_bytes, 'x');
  return config;
}

template <class T>
std::string message(const Result<T>& result) {
  return result ? "" : result.error().message();
}

TEST(SqliteStore, KeepsItsRowsOverARestart) {
  const TempFolder folder;
  {
    const auto store = SqliteStore::open(folder / "isa.db").value();
    ASSERT_TRUE(run(store->agent_configs().create(config_named("agent_a"))));
  }
  const auto store = SqliteStore::open(folder / "isa.db").value();
  EXPECT_TRUE(run(store->agent_configs().find(person("ann"), AgentId("agent_a"))));
}

TEST(SqliteStore, NobodyElseMayReadItsFiles) {
  const TempFolder folder;
  const auto store = SqliteStore::open(folder / "isa.db").value();
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const auto others = entry.status().permissions() &
                        (std::filesystem::perms::group_all | std::filesystem::perms::others_all);
    EXPECT_EQ(others, std::filesystem::perms::none) << entry.path();
  }
}

TEST(SqliteStore, SaysWhichProcessHoldsTheDatabase) {
  const TempFolder folder;
  const auto store = SqliteStore::open(folder / "isa.db").value();

  const auto second = SqliteStore::open(folder / "isa.db");

  EXPECT_EQ(failure(second), ErrorKind::conflict);
  EXPECT_NE(message(second).find(fmt::format("process {}", ::getpid())), std::string::npos)
      << message(second);
}

TEST(SqliteStore, OpensAgainOnceTheOtherHasGone) {
  const TempFolder folder;
  SqliteStore::open(folder / "isa.db").value().reset();
  EXPECT_TRUE(SqliteStore::open(folder / "isa.db"));
}

TEST(SqliteStore, RefusesAFileThatIsNoDatabaseAndLeavesItAlone) {
  const TempFolder folder;
  const std::string text(5000, 'x');
  std::ofstream(folder / "isa.db") << text;

  const auto store = SqliteStore::open(folder / "isa.db");

  EXPECT_EQ(failure(store), ErrorKind::failed_dependency);
  EXPECT_NE(message(store).find("no SQLite database"), std::string::npos) << message(store);
  EXPECT_EQ(std::filesystem::file_size(folder / "isa.db"), text.size());
}

TEST(SqliteStore, RefusesTheDatabaseOfAnotherProgram) {
  const TempFolder folder;
  {
    auto db = Database::open(folder / "isa.db").value();
    ASSERT_TRUE(db.execute("CREATE TABLE theirs (x)"));
  }
  const auto store = SqliteStore::open(folder / "isa.db");
  EXPECT_EQ(failure(store), ErrorKind::failed_dependency);
  EXPECT_NE(message(store).find("another program"), std::string::npos) << message(store);
}

TEST(SqliteStore, RefusesASchemaThatIsNewerThanThisProgram) {
  const TempFolder folder;
  ASSERT_TRUE(SqliteStore::open(folder / "isa.db"));
  const auto newer = schema_version() + 1;
  {
    auto db = Database::open(folder / "isa.db").value();
    ASSERT_TRUE(db.execute(fmt::format("PRAGMA user_version = {}", newer).c_str()));
  }
  const auto store = SqliteStore::open(folder / "isa.db");
  EXPECT_EQ(failure(store), ErrorKind::failed_dependency);
  EXPECT_NE(message(store).find(fmt::format("schema version {}", newer)), std::string::npos)
      << message(store);
}

TEST(SqliteStore, RefusesAFolderThatDoesNotExist) {
  const TempFolder folder;
  const auto store = SqliteStore::open(folder / "none" / "isa.db");
  EXPECT_EQ(failure(store), ErrorKind::service_unavailable);
  EXPECT_NE(message(store).find("check that its folder exists"), std::string::npos) << message(store);
}

TEST(SqliteStore, RefusesAFolderThatCannotBeWritten) {
  const testing::SmallDisk disk(64);
  if (!disk.is_mounted()) GTEST_SKIP() << "this user may not mount a tmpfs";
  ASSERT_TRUE(disk.set_read_only());

  const auto store = SqliteStore::open(disk.path() / "isa.db");

  EXPECT_EQ(failure(store), ErrorKind::service_unavailable);
  EXPECT_NE(message(store).find("may write in it"), std::string::npos) << message(store);
}

TEST(SqliteStore, RefusesToStartOnAFullDisk) {
  const testing::SmallDisk disk(64);
  if (!disk.is_mounted()) GTEST_SKIP() << "this user may not mount a tmpfs";
  disk.fill();

  const auto store = SqliteStore::open(disk.path() / "isa.db");

  EXPECT_EQ(failure(store), ErrorKind::service_unavailable);
  EXPECT_NE(message(store).find("full"), std::string::npos) << message(store);
}

TEST(SqliteStore, AFullDiskRefusesWritesKeepsReadsAndRecovers) {
  const testing::SmallDisk disk(2048);
  if (!disk.is_mounted()) GTEST_SKIP() << "this user may not mount a tmpfs";
  const auto store = SqliteStore::open(disk.path() / "isa.db").value();
  ASSERT_TRUE(run(store->agent_configs().create(config_named("agent_before"))));
  disk.fill();

  const auto refused = run(store->agent_configs().create(config_named("agent_large", 1'000'000)));

  EXPECT_EQ(failure(refused), ErrorKind::service_unavailable);
  EXPECT_NE(message(refused).find("the disk is full"), std::string::npos) << message(refused);
  EXPECT_TRUE(run(store->agent_configs().find(person("ann"), AgentId("agent_before"))));
  EXPECT_EQ(failure(run(store->agent_configs().find(person("ann"), AgentId("agent_large")))),
            ErrorKind::not_found);
  disk.free_again();
  EXPECT_TRUE(run(store->agent_configs().create(config_named("agent_after"))));
}

TEST(SqliteStore, AReadSeesTheWriteThatItsCallerAwaited) {
  const TempFolder folder;
  const auto store = SqliteStore::open(folder / "isa.db").value();
  const auto write_then_read = [](AgentConfigStore& configs) -> Task<int> {
    int missed = 0;
    for (int i = 0; i < 100; ++i) {
      auto config = config_named(fmt::format("agent_{}", i));
      const auto id = config.id;
      EXPECT_TRUE(co_await configs.create(std::move(config)));
      auto ann = person("ann");
      const auto found = co_await configs.find(std::move(ann), id);
      if (!found) ++missed;
    }
    co_return missed;
  };
  EXPECT_EQ(run(write_then_read(store->agent_configs())), 0);
}

// P11 of the design: the plans are what keeps the costs flat when the tables grow.
TEST(SqliteStore, ListsReadAnIndexInsteadOfSortingATable) {
  const TempFolder folder;
  ASSERT_TRUE(SqliteStore::open(folder / "isa.db"));
  auto db = Database::open(folder / "isa.db").value();
  const auto plan = [&](std::string_view sql) {
    std::string text;
    const auto detail = [](const Row& row) -> Result<std::string> { return std::string(row.bytes(3)); };
    const auto steps = find_all<std::string>(db, detail, sql);
    for (const auto& step : steps.value()) text += step + "; ";
    return text;
  };
  for (const std::string_view sql :
       {"EXPLAIN QUERY PLAN SELECT document FROM agent_configs WHERE owner_id = 'a' AND deleted_at IS NULL "
        "AND "
        "(updated_at, id) < (9, 'b') ORDER BY updated_at DESC, id DESC LIMIT 10",
        "EXPLAIN QUERY PLAN SELECT document FROM agent_configs WHERE org_id = 'a' AND visibility = 'org' AND "
        "deleted_at IS NULL AND (updated_at, id) < (9, 'b') ORDER BY updated_at DESC, id DESC LIMIT 10",
        "EXPLAIN QUERY PLAN SELECT document FROM agent_configs WHERE deleted_at IS NULL AND (updated_at, id) "
        "< (9, 'b') "
        "ORDER BY updated_at DESC, id DESC LIMIT 10",
        "EXPLAIN QUERY PLAN SELECT id FROM sessions WHERE owner_id = 'a' AND (updated_at, id) < (9, 'b') "
        "ORDER BY updated_at DESC, id DESC LIMIT 10",
        "EXPLAIN QUERY PLAN SELECT id FROM runs WHERE session_id = 'a' ORDER BY created_at, id",
        "EXPLAIN QUERY PLAN SELECT id FROM runs WHERE state IN ('queued', 'running', 'waiting') ORDER BY "
        "created_at, id",
        "EXPLAIN QUERY PLAN SELECT document FROM approvals WHERE run_id = 'a' ORDER BY created_at, id",
        "EXPLAIN QUERY PLAN SELECT document FROM approvals WHERE owner_id = 'a' AND (created_at, id) < (9, "
        "'b') "
        "ORDER BY created_at DESC, id DESC LIMIT 10",
        "EXPLAIN QUERY PLAN SELECT document FROM approvals WHERE owner_id = 'a' AND state = 'pending' AND "
        "(created_at, id) < (9, 'b') ORDER BY created_at DESC, id DESC LIMIT 10",
        "EXPLAIN QUERY PLAN SELECT message FROM session_messages WHERE session_id = 'a' ORDER BY number",
        "EXPLAIN QUERY PLAN SELECT id FROM pool_instances WHERE pool = 'a' AND state = 'warm' "
        "ORDER BY created_at, id LIMIT 1"}) {
    const auto steps = plan(sql);
    EXPECT_NE(steps.find("INDEX"), std::string::npos) << sql << ": " << steps;
    EXPECT_EQ(steps.find("TEMP B-TREE"), std::string::npos) << sql << ": " << steps;
  }
}

}  // namespace
}  // namespace isa::store::sqlite
