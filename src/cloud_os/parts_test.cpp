// The small parts: the life of a sandbox, the line at a door, processes, bubblewrap's options, records.
#include "base/task_group.h"
#include "base/testing.h"
#include "cloud_os/backends/bubblewrap/options.h"
#include "cloud_os/environment.h"
#include "cloud_os/process.h"
#include "cloud_os/record.h"
#include "cloud_os/semaphore.h"
#include "cloud_os/state.h"
#include "cloud_os/validate.h"

#include <gtest/gtest.h>

#include <signal.h>
#include <sys/wait.h>

namespace isa::cloud_os {
namespace {

TEST(State, ASandboxThatIsDeletedTakesNoStepBack) {
  for (const auto step : {VmStep::answered, VmStep::failed, VmStep::ended, VmStep::restart})
    EXPECT_EQ(next_status(VmStatus::deleted, step).error().kind(), ErrorKind::conflict);
  EXPECT_EQ(next_status(VmStatus::deleted, VmStep::remove), VmStatus::deleted);
}

TEST(State, EverySandboxCanBeRemoved) {
  for (const auto from : {VmStatus::creating, VmStatus::running, VmStatus::stopped, VmStatus::failed})
    EXPECT_EQ(next_status(from, VmStep::remove), VmStatus::deleted);
}

Task<void> hold(Semaphore& door, int number, std::vector<int>& order, int& inside, int& most) {
  const auto permit = co_await door.acquire();
  most = std::max(most, ++inside);
  order.push_back(number);
  co_await asio::post(co_await asio::this_coro::executor, use_task);
  --inside;
}

TEST(Semaphore, AdmitsAFewAtATimeInOrder) {
  std::vector<int> order;
  int inside = 0, most = 0;
  isa::testing::run([](std::vector<int>& to, int& now_inside, int& at_most) -> Task<void> {
    const auto executor = co_await asio::this_coro::executor;
    Semaphore door(executor, 2);
    TaskGroup group(executor);
    for (int i = 0; i < 6; ++i) group.spawn("hold", hold(door, i, to, now_inside, at_most));
    co_await group.join();
  }(order, inside, most));
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5}));
  EXPECT_EQ(most, 2);
}

TEST(Semaphore, WhoGivesUpWaitingIsSkipped) {
  std::vector<int> order;
  int inside = 0, most = 0;
  isa::testing::run([](std::vector<int>& to, int& now_inside, int& at_most) -> Task<void> {
    const auto executor = co_await asio::this_coro::executor;
    Semaphore door(executor, 1);
    TaskGroup waiting(executor), patient(executor);
    {
      const auto permit = co_await door.acquire();
      waiting.spawn("hold", hold(door, 1, to, now_inside, at_most));
      patient.spawn("hold", hold(door, 2, to, now_inside, at_most));
      co_await waiting.stop();
    }
    co_await patient.join();
  }(order, inside, most));
  EXPECT_EQ(order, std::vector<int>{2});
}

TEST(Process, IsIdentifiedByPidAndStartTime) {
  const pid_t child = ::fork();
  if (child == 0)
    for (;;) ::pause();
  const auto process = identify(child);
  ASSERT_TRUE(process.has_value());
  EXPECT_TRUE(is_alive(*process));
  ProcessId impostor = *process;
  impostor.start += 1;
  EXPECT_FALSE(is_alive(impostor));
  EXPECT_EQ(open_process(impostor), -1);
  EXPECT_TRUE(kill_and_wait(impostor, std::chrono::milliseconds(10)));
  EXPECT_TRUE(is_alive(*process)) << "a process with the same number was killed";
  EXPECT_TRUE(kill_and_wait(*process, std::chrono::seconds(5)));
  EXPECT_FALSE(is_alive(*process));
  EXPECT_EQ(::waitpid(child, nullptr, 0), -1) << "the child was not reaped";
}

std::vector<std::string> words_of(const std::string& options) {
  std::vector<std::string> words;
  for (std::size_t at = 0; at < options.size(); at = options.find('\0', at) + 1)
    words.push_back(options.substr(at, options.find('\0', at) - at));
  return words;
}

TEST(BwrapOptions, ValuesOfVariablesStayOneWordWhateverTheyHold) {
  const std::map<std::string, std::string> env{{"A", "--bind / /host"}, {"B", "x\ny"}, {"C", ""}};
  const auto words = words_of(bwrap_options({"/r", "/w", "/b", "/e"}, {true, true, true}, {}, {}, env));
  const auto at = std::ranges::find(words, "--bind / /host");
  ASSERT_NE(at, words.end());
  EXPECT_EQ(*(at - 2), "--setenv");
  EXPECT_EQ(std::ranges::count(words, "x\ny"), 1);
}

TEST(BwrapOptions, UseNothingThatAnOldBubblewrapDoesNotKnow) {
  const auto words = words_of(bwrap_options({"/r", "/w", "/b", "/e"}, {}, {}, {}, {}));
  for (const std::string option : {"--size", "--disable-userns", "--add-seccomp-fd"})
    EXPECT_EQ(std::ranges::count(words, option), 0) << option;
  EXPECT_EQ(std::ranges::count(words, "--seccomp"), 1);
}

TEST(Environment, RefusesNamesThatAreNoneAndThoseOfThePlatform) {
  EXPECT_TRUE(check_environment({{"A_1", "x"}}).has_value());
  for (const std::string name : {"", "1A", "A=B", "A B", "PATH", "HOME", "SERVICE_PORT", "OPENAI_BASE_URL"})
    EXPECT_EQ(check_environment({{name, "x"}}).error().kind(), ErrorKind::validation_error) << name;
  EXPECT_FALSE(check_environment({{"A", std::string(70'000, 'x')}}).has_value());
  EXPECT_FALSE(check_environment({{"A", std::string("x\0y", 3)}}).has_value());
}

TEST(Record, SurvivesAWriteAndARead) {
  const isa::testing::TempFolder folder;
  const SandboxDir dir{folder.path()};
  Record record;
  record.vm.vm_id = SandboxId("vm_1");
  record.vm.status = VmStatus::running;
  record.vm.exit = VmExit{3, std::nullopt, "exited"};
  record.slot = 7;
  record.env = {{"A", "b"}};
  record.binding = VmBinding{"lease_1", UserId("u"), OrgId("o"), std::nullopt, "sess_1"};
  record.vm.expires_at = from_millis(1'700'000'000'123);
  ASSERT_TRUE(save(dir, record).has_value());
  const auto read = load(dir);
  ASSERT_TRUE(read.has_value()) << read.error().detail();
  EXPECT_EQ(json::write(*read), json::write(record));
  EXPECT_EQ(load(SandboxDir{folder / "none"}).error().kind(), ErrorKind::not_found);
}

TEST(Validate, NamesTheFieldThatIsOutOfRange) {
  VmCreate spec;
  EXPECT_TRUE(check(spec).has_value());
  spec.limits.pids = 7;
  EXPECT_EQ(check(spec).error().param(), "/limits/pids");
  spec = {};
  spec.timeout_s = 0;
  EXPECT_EQ(check(spec).error().param(), "/timeout_s");
}

}  // namespace
}  // namespace isa::cloud_os
