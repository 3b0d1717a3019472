#include "store/file_event_log.h"

#include "base/testing.h"
#include "store/contract.h"
#include "store/full_disk.h"

#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <thread>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::store {
namespace {

using contract::failure;
using isa::testing::run;
using isa::testing::TempFolder;

std::vector<LoggedEvent> one(std::int64_t seq, std::string json) {
  return {{seq, std::make_shared<const std::string>(std::move(json))}};
}

std::unique_ptr<EventLog> open(const std::filesystem::path& folder, std::size_t segment_bytes = 64 << 20) {
  auto log = open_file_event_log({.folder = folder, .segment_bytes = segment_bytes});
  EXPECT_TRUE(log) << log.error().message() << log.error().detail();
  return std::move(log).value();
}

std::vector<std::filesystem::path> segments(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    if (entry.path().extension() == ".log") files.push_back(entry.path());
  std::ranges::sort(files);
  return files;
}

TEST(FileEventLog, RecoversWhatWasAppendedInOrderOfSeq) {
  const TempFolder folder;
  {
    const auto log = open(folder / "log");
    const std::vector<LoggedEvent> batch{{1, std::make_shared<const std::string>("{\"a\":1}")},
                                         {2, std::make_shared<const std::string>("")}};
    ASSERT_TRUE(run(log->append(RunId("run_a"), batch)));
    ASSERT_TRUE(run(log->append(RunId("run_b"), one(1, "b"))));
    ASSERT_TRUE(run(log->append(RunId("run_a"), one(3, "{\"a\":3}"))));
  }

  const auto found = run(open(folder / "log")->recover()).value();

  ASSERT_EQ(found.size(), 2U);
  const auto& events = found.at(RunId("run_a"));
  ASSERT_EQ(events.size(), 3U);
  EXPECT_EQ(*events[0].json, "{\"a\":1}");
  EXPECT_EQ(*events[1].json, "");
  EXPECT_EQ(events[2].seq, 3);
}

TEST(FileEventLog, RecoversNothingFromAnEmptyFolder) {
  const TempFolder folder;
  const auto log = open(folder / "deep" / "log");
  EXPECT_TRUE(run(log->recover())->empty());
  EXPECT_EQ(std::filesystem::status(folder / "deep" / "log").permissions(),
            std::filesystem::perms::owner_all);
}

TEST(FileEventLog, LosesAndReordersNothingWhenManyLoopsAppend) {
  constexpr int kLoops = 4, kRuns = 8, kEvents = 50;
  const TempFolder folder;
  const auto log = open(folder / "log", 16 << 10);
  const auto append_all = [](EventLog& to, int loop) -> Task<void> {
    for (int seq = 1; seq <= kEvents; ++seq) {
      for (int r = 0; r < kRuns; ++r) {
        auto event = one(seq, fmt::format("{}/{}/{}", loop, r, seq));
        const auto done = co_await to.append(RunId(fmt::format("run_{}_{}", loop, r)), std::move(event));
        EXPECT_TRUE(done);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int loop = 0; loop < kLoops; ++loop) threads.emplace_back([&, loop] { run(append_all(*log, loop)); });
  for (auto& thread : threads) thread.join();

  const auto found = run(log->recover()).value();

  ASSERT_EQ(found.size(), std::size_t{kLoops} * kRuns);
  for (const auto& [id, events] : found) {
    ASSERT_EQ(events.size(), std::size_t{kEvents}) << id.value();
    for (int i = 0; i < kEvents; ++i) EXPECT_EQ(events[static_cast<std::size_t>(i)].seq, i + 1);
  }
  EXPECT_GT(segments(folder / "log").size(), 1U);
}

TEST(FileEventLog, ForgetsAReleasedRunAlsoAfterARestart) {
  const TempFolder folder;
  {
    const auto log = open(folder / "log");
    ASSERT_TRUE(run(log->append(RunId("run_a"), one(1, "a"))));
    ASSERT_TRUE(run(log->append(RunId("run_b"), one(1, "b"))));
    ASSERT_TRUE(run(log->release(RunId("run_a"))));
    EXPECT_EQ(run(log->recover())->size(), 1U);
  }
  for (int restart = 0; restart < 3; ++restart) {
    const auto found = run(open(folder / "log")->recover()).value();
    ASSERT_EQ(found.size(), 1U);
    EXPECT_TRUE(found.contains(RunId("run_b")));
  }
}

TEST(FileEventLog, DeletesSegmentsWithoutLiveRunsAndOnlyThose) {
  const TempFolder folder;
  const auto log = open(folder / "log", 1000);
  const std::string filler(1000, 'x');
  ASSERT_TRUE(run(log->append(RunId("run_a"), one(1, filler))));
  ASSERT_TRUE(run(log->append(RunId("run_b"), one(1, filler))));
  ASSERT_TRUE(run(log->append(RunId("run_a"), one(2, filler))));
  ASSERT_TRUE(run(log->recover()));  // The thread is done with what follows an append.
  ASSERT_EQ(segments(folder / "log").size(), 4U);

  ASSERT_TRUE(run(log->release(RunId("run_a"))));
  ASSERT_TRUE(run(log->recover()));

  EXPECT_EQ(segments(folder / "log").size(), 2U);
  EXPECT_EQ(run(log->recover())->size(), 1U);
  EXPECT_EQ(run(log->recover())->count(RunId("run_b")), 1U);
}

TEST(FileEventLog, ARestartDeletesWhatNobodyNeeds) {
  const TempFolder folder;
  {
    const auto log = open(folder / "log");
    ASSERT_TRUE(run(log->append(RunId("run_a"), one(1, "a"))));
    ASSERT_TRUE(run(log->release(RunId("run_a"))));
  }
  const auto log = open(folder / "log");
  ASSERT_TRUE(run(log->append(RunId("run_b"), one(1, "b"))));
  ASSERT_TRUE(run(log->recover()));

  EXPECT_EQ(segments(folder / "log").size(), 1U);
}

TEST(FileEventLog, ATornRecordCostsOnlyItself) {
  const TempFolder folder;
  {
    const auto log = open(folder / "log");
    ASSERT_TRUE(run(log->append(RunId("run_a"), one(1, "first"))));
    ASSERT_TRUE(run(log->append(RunId("run_a"), one(2, "second"))));
  }
  const auto file = segments(folder / "log").at(0);
  std::filesystem::resize_file(file, std::filesystem::file_size(file) - 3);

  const auto log = open(folder / "log");
  EXPECT_EQ(run(log->recover())->at(RunId("run_a")).size(), 1U);
  ASSERT_TRUE(run(log->append(RunId("run_a"), one(2, "again"))));

  const auto found = run(log->recover()).value();
  ASSERT_EQ(found.at(RunId("run_a")).size(), 2U);
  EXPECT_EQ(*found.at(RunId("run_a"))[1].json, "again");
}

TEST(FileEventLog, ACorruptRecordEndsItsSegmentButNotTheLog) {
  const TempFolder folder;
  for (const char* run_id : {"run_a", "run_b"}) {
    const auto log = open(folder / "log");
    for (int seq = 1; seq <= 3; ++seq) ASSERT_TRUE(run(log->append(RunId(run_id), one(seq, "payload"))));
  }
  {
    std::fstream file(segments(folder / "log").at(0), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(60);
    file.put('!');
  }

  const auto found = run(open(folder / "log")->recover()).value();

  EXPECT_EQ(found.at(RunId("run_a")).size(), 1U);
  EXPECT_EQ(found.at(RunId("run_b")).size(), 3U);
}

TEST(FileEventLog, ASecondPlatformIsKeptOut) {
  const TempFolder folder;
  const auto log = open(folder / "log");

  const auto second = open_file_event_log({.folder = folder / "log"});

  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().kind(), ErrorKind::conflict);
  EXPECT_NE(second.error().message().find(fmt::format("process {}", ::getpid())), std::string::npos);
}

TEST(FileEventLog, RefusesAFolderThatIsNone) {
  const TempFolder folder;
  std::ofstream(folder / "file") << "x";
  EXPECT_EQ(failure(open_file_event_log({.folder = folder / "file"})), ErrorKind::service_unavailable);
}

TEST(FileEventLog, AFullDiskFailsTheAppendAndLeavesNoHalfRecord) {
  const testing::SmallDisk disk(256);
  if (!disk.is_mounted()) GTEST_SKIP() << "this user may not mount a tmpfs";
  const auto log = open(disk.path() / "log");
  ASSERT_TRUE(run(log->append(RunId("run_a"), one(1, "before"))));
  disk.fill();

  const auto refused = run(log->append(RunId("run_a"), one(2, std::string(100'000, 'x'))));

  EXPECT_EQ(failure(refused), ErrorKind::service_unavailable);
  EXPECT_NE(refused.error().message().find("the disk is full"), std::string::npos);
  disk.free_again();
  ASSERT_TRUE(run(log->append(RunId("run_a"), one(2, "after"))));
  const auto found = run(log->recover()).value();
  ASSERT_EQ(found.at(RunId("run_a")).size(), 2U);
  EXPECT_EQ(*found.at(RunId("run_a"))[1].json, "after");
}

// A process that appends until it is killed, and reports each event that it was told is safe.
[[noreturn]] void append_until_killed(const std::filesystem::path& folder, int report) {
  const auto append_all = [](EventLog& log, int name, int to) -> Task<void> {
    const RunId id(fmt::format("run_{}", name));
    for (std::int64_t seq = 1;; ++seq) {
      auto event = one(seq, fmt::format("event {} of run {}", seq, name));
      if (const auto done = co_await log.append(id, std::move(event)); !done) ::_exit(1);
      const std::array<std::int64_t, 2> told{name, seq};
      if (::write(to, told.data(), sizeof told) != sizeof told) ::_exit(2);
    }
  };
  auto log = open_file_event_log({.folder = folder, .segment_bytes = 64 << 10});
  if (!log) ::_exit(3);
  std::vector<std::thread> threads;
  for (int name = 0; name < 4; ++name)
    threads.emplace_back([&, name] { run(append_all(**log, name, report)); });
  for (auto& thread : threads) thread.join();
  ::_exit(4);
}

TEST(FileEventLog, KillingTheProcessLosesNoCompletedAppend) {
  const TempFolder folder;
  std::array<int, 2> pipe{};
  ASSERT_EQ(::pipe(pipe.data()), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) append_until_killed(folder / "log", pipe[1]);
  ::close(pipe[1]);

  std::map<std::int64_t, std::int64_t> last_told;
  std::array<std::int64_t, 2> told{};
  int count = 0;
  while (::read(pipe[0], told.data(), sizeof told) == sizeof told) {
    last_told[told[0]] = told[1];
    if (++count == 5000) ::kill(child, SIGKILL);
  }
  ::close(pipe[0]);
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << WEXITSTATUS(status);

  const auto found = run(open(folder / "log")->recover()).value();

  ASSERT_FALSE(last_told.empty());
  for (const auto& [name, seq] : last_told) {
    const auto& events = found.at(RunId(fmt::format("run_{}", name)));
    ASSERT_GE(events.size(), static_cast<std::size_t>(seq));
    for (std::size_t i = 0; i < events.size(); ++i) {
      ASSERT_EQ(events[i].seq, static_cast<std::int64_t>(i) + 1);
      ASSERT_EQ(*events[i].json, fmt::format("event {} of run {}", i + 1, name));
    }
  }
}

}  // namespace
}  // namespace isa::store
