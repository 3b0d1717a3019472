#include "cloud_os/process.h"

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace isa::cloud_os
