#include "cloud_os/process.h"

#include "base/testing.h"
#include "cloud_os/record.h"

#include <gtest/gtest.h>

#include <sstream>

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

namespace isa::cloud_os {
namespace {

// A child that has ended and was not waited for.
pid_t make_zombie() {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(0);
  siginfo_t info{};
  ::waitid(P_PID, static_cast<id_t>(child), &info, WEXITED | WNOWAIT);
  return child;
}

TEST(Process, AChildThatEndedBeforeWeLookedIsStillIdentified) {
  const pid_t child = make_zombie();

  EXPECT_FALSE(identify(child)) << "it is not alive";
  const auto process = identify_child(child);

  ASSERT_TRUE(process);
  EXPECT_EQ(process->pid, child);
  EXPECT_TRUE(wait_until_gone(*process, std::chrono::seconds(1)));
  EXPECT_FALSE(identify_child(child)) << "it was reaped";
}

TEST(Process, AnotherProcessWithTheSamePidIsNotTakenForIt) {
  auto self = identify(::getpid());
  ASSERT_TRUE(self);
  EXPECT_TRUE(is_alive(*self));
  ++self->start;
  EXPECT_FALSE(is_alive(*self));
  EXPECT_LT(open_process(*self), 0);
}

TEST(ProcessFamily, IsKilledWithThoseThatWentTheirOwnWays) {
  const isa::testing::TempFolder folder;
  const auto notes = folder / "pids";
  const auto script = fmt::format(
      "(setsid sh -c 'echo $$ >> {0}; sleep 600' &); sleep 600 & echo $! >> {0}; wait", notes.string());
  const pid_t child = ::fork();
  if (child == 0) {
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);  // As a runtime is.
    if (const pid_t shell = ::fork(); shell == 0) ::execl("/bin/sh", "sh", "-c", script.c_str(), nullptr);
    for (;;) ::pause();
  }
  const auto root = identify(child).value();
  std::vector<ProcessId> others;
  while (others.size() < 2) {
    others.clear();
    std::istringstream pids(read_text(notes).value_or(""));
    for (pid_t pid = 0; pids >> pid;)
      if (const auto one = identify(pid)) others.push_back(*one);
  }

  EXPECT_TRUE(kill_family(root, std::chrono::seconds(20)));

  EXPECT_FALSE(is_alive(root));
  for (const auto& one : others) EXPECT_FALSE(is_alive(one));
  EXPECT_TRUE(kill_family(root, std::chrono::seconds(1))) << "twice is once";
}

}  // namespace
}  // namespace isa::cloud_os
