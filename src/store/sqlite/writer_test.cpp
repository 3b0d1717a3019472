#include "store/sqlite/writer.h"

#include "base/task_group.h"
#include "base/testing.h"
#include "store/contract.h"
#include "store/sqlite/query.h"
#include "store/sqlite/readers.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>

namespace isa::store::sqlite {
namespace {

using contract::failure;
using isa::testing::run;
using isa::testing::TempFolder;

class WriterTest : public ::testing::Test {
 protected:
  Database connect() {
    auto db = Database::open(folder_ / "test.db").value();
    EXPECT_TRUE(
        db.execute("PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS numbers (n INTEGER PRIMARY KEY, "
                   "filler BLOB)"));
    return db;
  }
  std::int64_t count() {
    auto db = connect();
    return find_one(db, take_one<std::int64_t>, "SELECT count(*) FROM numbers").value().value();
  }
  static Task<Result<void>> insert(Writer& writer, std::int64_t n, std::size_t filler = 0) {
    return writer.write<void>([n, filler](Database& db) {
      return sqlite::run(db, "INSERT INTO numbers VALUES (?1, zeroblob(?2))", n,
                         static_cast<std::int64_t>(filler));
    });
  }
  // Holds the writer's thread until the future is ready, so that what comes after makes one batch.
  static Task<Result<void>> hold(Writer& writer, std::shared_future<void> gate) {
    return writer.write<void>([gate = std::move(gate)](Database&) { return gate.wait(), ok(); });
  }

  TempFolder folder_;
};

// Runs the operations in one batch; what became of each.
Task<std::vector<std::optional<ErrorKind>>> run_as_one_batch(Task<Result<void>> held,
                                                             std::promise<void>& gate,
                                                             std::vector<Task<Result<void>>> operations) {
  const auto keep = [](Task<Result<void>> task, std::optional<ErrorKind>& outcome) -> Task<void> {
    const auto result = co_await std::move(task);
    outcome = failure(result);
  };
  const auto open = [](std::promise<void>& to) -> Task<void> { co_return to.set_value(); };
  std::optional<ErrorKind> ignored;
  std::vector<std::optional<ErrorKind>> outcomes(operations.size());
  TaskGroup tasks(co_await asio::this_coro::executor);
  tasks.spawn("hold", keep(std::move(held), ignored));
  for (std::size_t i = 0; i < operations.size(); ++i)
    tasks.spawn("operation", keep(std::move(operations[i]), outcomes[i]));
  tasks.spawn("open", open(gate));
  co_await tasks.join();
  co_return outcomes;
}

TEST_F(WriterTest, AnOperationThatFailsLeavesNoTraceAndTakesNothingWithIt) {
  Writer writer(connect());
  std::promise<void> gate;
  std::vector<Task<Result<void>>> operations;
  operations.push_back(insert(writer, 1));
  operations.push_back(writer.write<void>([](Database& db) -> Result<void> {
    ISA_TRYV(sqlite::run(db, "INSERT INTO numbers (n) VALUES (77)"));
    return conflict("changed its mind");
  }));
  operations.push_back(insert(writer, 2));

  const auto outcomes =
      run(run_as_one_batch(hold(writer, gate.get_future().share()), gate, std::move(operations)));

  const std::vector<std::optional<ErrorKind>> expected{std::nullopt, ErrorKind::conflict, std::nullopt};
  EXPECT_EQ(outcomes, expected);
  EXPECT_EQ(count(), 2);
}

// SQLite may drop the whole transaction when the disk is full; ROLLBACK does the same on purpose.
TEST_F(WriterTest, AnOperationThatDropsTheTransactionFailsAlone) {
  Writer writer(connect());
  std::promise<void> gate;
  std::vector<Task<Result<void>>> operations;
  operations.push_back(insert(writer, 1));
  operations.push_back(writer.write<void>([](Database& db) -> Result<void> {
    ISA_TRYV(db.execute("ROLLBACK"));
    return service_unavailable("the disk is full");
  }));
  operations.push_back(insert(writer, 2));

  const auto outcomes =
      run(run_as_one_batch(hold(writer, gate.get_future().share()), gate, std::move(operations)));

  const std::vector<std::optional<ErrorKind>> expected{std::nullopt, ErrorKind::service_unavailable,
                                                       std::nullopt};
  EXPECT_EQ(outcomes, expected);
  EXPECT_EQ(count(), 2);
}

TEST_F(WriterTest, AFileThatMayNotGrowRefusesTheLargeAndKeepsTheSmall) {
  auto db = connect();
  ASSERT_TRUE(db.execute("PRAGMA max_page_count = 20"));
  Writer writer(std::move(db));

  ASSERT_TRUE(run(insert(writer, 1)));
  const auto refused = run(insert(writer, 2, 1'000'000));
  ASSERT_TRUE(run(insert(writer, 3)));

  EXPECT_EQ(failure(refused), ErrorKind::service_unavailable);
  EXPECT_EQ(count(), 2);
}

TEST_F(WriterTest, AnExceptionIsAnErrorOfItsOperationAlone) {
  Writer writer(connect());
  const auto thrown =
      run(writer.write<int>([](Database&) -> Result<int> { throw std::runtime_error("a bug"); }));
  EXPECT_EQ(failure(thrown), ErrorKind::internal_error);
  EXPECT_EQ(thrown.error().detail(), "a bug");
  EXPECT_TRUE(run(insert(writer, 1)));
}

TEST_F(WriterTest, AnswersOnTheLoopThatAsked) {
  Writer writer(connect());
  const auto ask = [](Writer& to) -> Task<bool> {
    const auto before = std::this_thread::get_id();
    EXPECT_TRUE(co_await insert(to, 1));
    co_return before == std::this_thread::get_id();
  };
  EXPECT_TRUE(run(ask(writer)));
}

TEST_F(WriterTest, ManyLoopsWriteAtOnce) {
  constexpr int kLoops = 4, kEach = 100;
  {
    Writer writer(connect());
    const auto insert_all = [](Writer& to, int loop) -> Task<void> {
      for (int i = 0; i < kEach; ++i) EXPECT_TRUE(co_await insert(to, loop * kEach + i));
    };
    std::vector<std::thread> threads;
    for (int loop = 0; loop < kLoops; ++loop)
      threads.emplace_back([&, loop] { run(insert_all(writer, loop)); });
    for (auto& thread : threads) thread.join();
  }
  EXPECT_EQ(count(), kLoops * kEach);
}

TEST_F(WriterTest, AReadSeesOneSnapshotAndNothingUncommitted) {
  Writer writer(connect());
  std::vector<Database> connections;
  connections.push_back(connect());
  Readers readers(std::move(connections));
  ASSERT_TRUE(run(insert(writer, 1)));
  const auto read = [](Database& db) {
    return find_one(db, take_one<std::int64_t>, "SELECT count(*) FROM numbers");
  };

  const auto twice = run(readers.read<std::int64_t>([&](Database& db) -> Result<std::int64_t> {
    ISA_TRY(const auto before, read(db));
    EXPECT_TRUE(run(insert(writer, 2)));
    ISA_TRY(const auto after, read(db));
    return before == after ? before.value() : -1;
  }));

  EXPECT_EQ(twice.value(), 1);
  EXPECT_EQ(run(readers.read<std::int64_t>([&](Database& db) -> Result<std::int64_t> {
              ISA_TRY(const auto now_there, read(db));
              return now_there.value();
            })).value(),
            2);
}

}  // namespace
}  // namespace isa::store::sqlite
