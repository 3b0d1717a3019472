#include "cloud_os/cgroup.h"

#include "cloud_os/process.h"
#include "cloud_os/record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

// Groups of a mark that nothing else uses, removed with everything in them.
class CgroupTest : public testing::Test {
 protected:
  CgroupTest() : cgroups_(Cgroups::probe("test-" + random_hex(4))) {}
  void SetUp() override {
    if (!cgroups_.can_kill()) GTEST_SKIP() << "no control group is writable here";
  }
  ~CgroupTest() override {
    for (const auto& [name, since] : cgroups_.groups().value()) {
      EXPECT_TRUE(cgroups_.kill(name).has_value());
      EXPECT_TRUE(cgroups_.remove(name).has_value());
    }
    cgroups_.remove_parents();
    for (const auto& hierarchy : cgroups_.hierarchies())
      EXPECT_FALSE(std::filesystem::exists(hierarchy.parent));
  }

  // A process that makes another one and waits, in the group.
  static pid_t start_family(const std::vector<std::filesystem::path>& groups) {
    const pid_t pid = ::fork();
    if (pid != 0) return pid;
    for (const auto& group : groups) std::ofstream(group / "cgroup.procs") << "0" << std::flush;
    ::signal(SIGTERM, SIG_IGN);
    ::fork();
    for (;;) ::pause();
  }

  static void expect_killed(const Cgroups& cgroups) {
    const auto groups = cgroups.create("family", {});
    ASSERT_TRUE(groups.has_value()) << groups.error().detail();
    const pid_t child = start_family(*groups);
    const auto members = groups->front() / "cgroup.procs";
    while (std::ranges::count(read_text(members).value(), '\n') < 2) ::usleep(500);
    EXPECT_TRUE(cgroups.kill("family").has_value());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    EXPECT_TRUE(cgroups.remove("family").has_value());
  }

  // Of a host whose only freezer is that of version 1.
  static std::optional<Cgroups> freezer_of_version_1() {
    const std::filesystem::path mounted = "/sys/fs/cgroup/freezer";
    if (::access((mounted / "cgroup.procs").c_str(), W_OK) != 0) return std::nullopt;
    return Cgroups({CgroupHierarchy{1, mounted / "isa" / ("test-" + random_hex(4)), {"freezer"}}});
  }

  // A process that writes as fast as it can, frozen: its pipe runs dry, also after it was asked twice.
  static void expect_frozen(const Cgroups& cgroups) {
    const auto groups = cgroups.create("busy", {});
    ASSERT_TRUE(groups.has_value());
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    const pid_t child = ::fork();
    if (child == 0) {
      for (const auto& group : *groups) std::ofstream(group / "cgroup.procs") << "0" << std::flush;
      for (;;) std::ignore = ::write(ends[1], "x", 1);
    }
    pollfd readable{ends[0], POLLIN, 0};
    ASSERT_EQ(::poll(&readable, 1, 10'000), 1);

    EXPECT_TRUE(cgroups.freeze("busy").has_value());
    EXPECT_TRUE(cgroups.freeze("busy").has_value());
    char bytes[4096];
    while (::read(ends[0], bytes, sizeof bytes) > 0) {
    }
    EXPECT_EQ(::poll(&readable, 1, 50), 0);
    EXPECT_TRUE(cgroups.thaw("busy").has_value());
    EXPECT_EQ(::poll(&readable, 1, 10'000), 1);

    EXPECT_TRUE(cgroups.freeze("busy").has_value());
    EXPECT_TRUE(cgroups.kill("busy").has_value());
    int status = 0;
    EXPECT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(WTERMSIG(status), SIGKILL);
    EXPECT_TRUE(cgroups.remove("busy").has_value());
    ::close(ends[0]);
    ::close(ends[1]);
  }

  Cgroups cgroups_;
};

TEST(CgroupProbe, LeavesNoGroupBehind) {
  const auto mark = "test-" + random_hex(4);
  const auto cgroups = Cgroups::probe(mark);
  for (const auto& hierarchy : cgroups.hierarchies()) EXPECT_FALSE(std::filesystem::exists(hierarchy.parent));
  std::error_code error;
  for (const auto& mounted : std::filesystem::directory_iterator("/sys/fs/cgroup", error))
    EXPECT_FALSE(std::filesystem::exists(mounted.path() / "isa" / mark)) << mounted.path();
}

TEST_F(CgroupTest, KillsEveryProcessOfAGroup) {
  expect_killed(cgroups_);
}

TEST_F(CgroupTest, KillsByFreezingWhereTheKernelCannotKillAGroup) {
  const auto version1 = freezer_of_version_1();
  if (!version1) GTEST_SKIP() << "no freezer of version 1 here";
  expect_killed(*version1);
  version1->remove_parents();
}

TEST_F(CgroupTest, FreezesProcessesSoThatTheyUseNoTimeUntilTheyAreThawed) {
  if (!cgroups_.can_freeze()) GTEST_SKIP() << "no freezer here";
  expect_frozen(cgroups_);
}

TEST_F(CgroupTest, FreezesByVersion1WhereTheKernelHasNothingElse) {
  const auto version1 = freezer_of_version_1();
  if (!version1) GTEST_SKIP() << "no freezer of version 1 here";
  expect_frozen(*version1);
  version1->remove_parents();
}

// Of all these processes: the kernel counts threads, and a sanitizer has one of its own in each process.
std::int64_t threads_of(const std::string& pids) {
  std::istringstream lines(pids);
  std::int64_t count = 0;
  for (std::string pid; lines >> pid;)
    count += std::distance(std::filesystem::directory_iterator("/proc/" + pid + "/task"), {});
  return count;
}

TEST_F(CgroupTest, CountsWhatAGroupUses) {
  const auto groups = cgroups_.create("counted", {});
  ASSERT_TRUE(groups.has_value());
  const pid_t child = start_family(*groups);
  const auto members = groups->front() / "cgroup.procs";
  while (std::ranges::count(read_text(members).value(), '\n') < 2) ::usleep(500);

  const auto used = cgroups_.stats("counted");

  ASSERT_TRUE(used.has_value());
  if (cgroups_.enforced().pids) EXPECT_EQ(used->processes, threads_of(read_text(members).value()));
  if (cgroups_.enforced().memory_mb) EXPECT_GT(used->memory_bytes.value_or(0), 0);
  EXPECT_TRUE(used->cpu_time_ms.has_value());
  EXPECT_TRUE(cgroups_.kill("counted").has_value());
  ::waitpid(child, nullptr, 0);
}

TEST_F(CgroupTest, HasNothingToCountOfAGroupThatDoesNotExist) {
  const auto used = cgroups_.stats("nobody");
  ASSERT_FALSE(used.has_value());
  EXPECT_EQ(used.error().kind(), ErrorKind::not_found);
}

TEST_F(CgroupTest, SetsTheLimitsThatItSaysHold) {
  const auto groups =
      cgroups_.create("limited", {.cpu_count = 3, .memory_mb = 100, .disk_size_gb = 1, .pids = 50});
  ASSERT_TRUE(groups.has_value());
  const auto value_of = [&](const char* v2, const char* v1) -> std::string {
    for (const auto& group : *groups)
      for (const char* file : {v2, v1})
        if (const auto text = read_text(group / file)) return text->substr(0, text->find('\n'));
    return "";
  };
  const auto holds = cgroups_.enforced();
  EXPECT_FALSE(holds.disk_size_gb);
  if (holds.memory_mb) EXPECT_EQ(value_of("memory.max", "memory.limit_in_bytes"), "104857600");
  if (holds.pids) EXPECT_EQ(value_of("pids.max", "pids.max"), "50");
  if (holds.cpu_count) EXPECT_TRUE(value_of("cpu.max", "cpu.cfs_quota_us").starts_with("300000"));
}

TEST_F(CgroupTest, RemovingTwiceSucceeds) {
  ASSERT_TRUE(cgroups_.create("once", {}).has_value());
  const auto groups = cgroups_.groups().value();
  ASSERT_EQ(groups.size(), 1U);
  EXPECT_EQ(groups.begin()->first, "once");
  EXPECT_LT(now() - groups.begin()->second, std::chrono::minutes(1));
  EXPECT_TRUE(cgroups_.remove("once").has_value());
  EXPECT_TRUE(cgroups_.remove("once").has_value());
  EXPECT_TRUE(cgroups_.kill("once").has_value());
  EXPECT_TRUE(cgroups_.groups().value().empty());
}

TEST_F(CgroupTest, AGroupThatCannotBeMadeWholeLeavesNothing) {
  VmLimits absurd;
  absurd.pids = -5;
  if (!cgroups_.enforced().pids) GTEST_SKIP() << "no limit of processes here";
  EXPECT_FALSE(cgroups_.create("absurd", absurd).has_value());
  EXPECT_TRUE(cgroups_.groups().value().empty());
}

TEST(Cgroups, WithoutHierarchiesNothingHoldsAndNothingFails) {
  const Cgroups none({});
  EXPECT_FALSE(none.can_kill());
  EXPECT_FALSE(none.enforced().memory_mb);
  EXPECT_TRUE(none.create("any", {})->empty());
  EXPECT_TRUE(none.kill("any").has_value());
  EXPECT_TRUE(none.remove("any").has_value());
}

}  // namespace
}  // namespace isa::cloud_os
