#include "cloud_os/cgroup.h"

#include "cloud_os/process.h"
#include "cloud_os/record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

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
    for (const auto& name : cgroups_.names()) {
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

  Cgroups cgroups_;
};

TEST_F(CgroupTest, KillsEveryProcessOfAGroup) {
  expect_killed(cgroups_);
}

TEST_F(CgroupTest, KillsByFreezingWhereTheKernelCannotKillAGroup) {
  std::vector<CgroupHierarchy> old;
  for (const auto& hierarchy : cgroups_.hierarchies())
    if (hierarchy.version == 1) old.push_back(hierarchy);
  const Cgroups version1(old);
  if (!version1.can_kill()) GTEST_SKIP() << "no freezer of version 1 here";
  expect_killed(version1);
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
  EXPECT_EQ(cgroups_.names(), std::vector<std::string>{"once"});
  EXPECT_TRUE(cgroups_.remove("once").has_value());
  EXPECT_TRUE(cgroups_.remove("once").has_value());
  EXPECT_TRUE(cgroups_.kill("once").has_value());
  EXPECT_TRUE(cgroups_.names().empty());
}

TEST_F(CgroupTest, AGroupThatCannotBeMadeWholeLeavesNothing) {
  VmLimits absurd;
  absurd.pids = -5;
  if (!cgroups_.enforced().pids) GTEST_SKIP() << "no limit of processes here";
  EXPECT_FALSE(cgroups_.create("absurd", absurd).has_value());
  EXPECT_TRUE(cgroups_.names().empty());
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
