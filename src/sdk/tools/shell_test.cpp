#include "base/task_group.h"
#include "base/testing.h"
#include "sdk/tool.h"

#include <gtest/gtest.h>

#include <csignal>
#include <fstream>

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace isa::sdk {
namespace {

struct Shell : ::testing::Test {
  isa::testing::TempFolder folder;
  ToolBox box = make_box();

  ToolBox make_box() {
    WorkspaceOptions options;
    options.path = folder.path();
    options.env = {{"PATH", "/usr/bin:/bin"}, {"GREETING", "hello"}};
    return ToolBox(workspace_tools(std::move(options)).value(), {"bash_execute"});
  }
  static Part part(json::object arguments) {
    return Part::make_tool_call("1", "bash_execute", json::serialize(arguments));
  }
  ToolOutput run(json::object arguments, Deadline deadline = Deadline::never()) {
    return isa::testing::run(box.call(part(std::move(arguments)), deadline));
  }
  json::object read(const ToolOutput& output) { return json::parse(output.text).value().as_object(); }
  json::object bash(const std::string& command) { return read(run({{"command", command}})); }

  // The pid that a command wrote to a file, once it is there.
  pid_t pid_in(const std::string& name) {
    std::ifstream file(folder / name);
    pid_t pid = 0;
    file >> pid;
    return file && file.peek() == '\n' ? pid : 0;
  }
};

// Waits for its end; it may have ended before.
void expect_it_ends(pid_t pid) {
  ASSERT_GT(pid, 0);
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return;  // Ended and reaped.
  pollfd ended{.fd = fd, .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&ended, 1, 10'000), 1) << "process " << pid << " is still running";
  ::close(fd);
}

TEST_F(Shell, GivesOutputErrorsAndExitCodeApart) {
  const auto output = run({{"command", "echo out; echo err >&2; exit 3"}});
  const auto result = read(output);

  EXPECT_EQ(result.at("stdout").as_string(), "out\n");
  EXPECT_EQ(result.at("stderr").as_string(), "err\n");
  EXPECT_EQ(result.at("exit_code").to_number<int>(), 3);
  EXPECT_TRUE(result.contains("duration_ms"));
  EXPECT_TRUE(output.is_error);
  EXPECT_FALSE(run({{"command", "true"}}).is_error);
}

TEST_F(Shell, RunsInTheWorkspaceWithItsOwnEnvironment) {
  std::filesystem::create_directory(folder / "sub");
  ::setenv("ISA_TEST_LEAK", "leaked", 1);

  EXPECT_EQ(bash("pwd").at("stdout").as_string(), folder.path().string() + "\n");
  EXPECT_EQ(bash("echo $GREETING$ISA_TEST_LEAK").at("stdout").as_string(), "hello\n");
  const json::object more{{"GREETING", "bye"}, {"X", "a b"}};
  const auto result =
      read(run({{"command", "pwd; echo $GREETING $X"}, {"working_directory", "sub"}, {"env", more}}));
  EXPECT_EQ(result.at("stdout").as_string(), (folder / "sub").string() + "\nbye a b\n");
  EXPECT_TRUE(run({{"command", "pwd"}, {"working_directory", "/"}}).is_error);
  EXPECT_TRUE(run({{"command", "pwd"}, {"working_directory", "../"}}).is_error);
}

TEST_F(Shell, InheritsNoDescriptorAndNoBlockedSignal) {
  sigset_t set, before;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGTERM);
  ::pthread_sigmask(SIG_BLOCK, &set, &before);
  const int leaked = ::dup(0);  // Without close-on-exec.

  const auto result = bash("ls /proc/self/fd | wc -l; grep SigBlk /proc/self/status | tr -d '\\t'; wc -c");

  ::close(leaked);
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  // 0, 1, 2 and the folder that ls itself opened; standard input is empty.
  EXPECT_EQ(result.at("stdout").as_string(), "4\nSigBlk:0000000000000000\n0\n");
}

TEST_F(Shell, BoundsTheOutputVisibly) {
  const auto output =
      run({{"command", "echo begin; head -c 5000000 /dev/zero | tr '\\0' x; echo; echo end"}});
  const std::string text(read(output).at("stdout").as_string());

  EXPECT_TRUE(output.truncated);
  EXPECT_LT(text.size(), 70'000U);
  EXPECT_TRUE(text.starts_with("begin\n"));
  EXPECT_TRUE(text.ends_with("x\nend\n"));
  EXPECT_NE(text.find("bytes left out ...]"), std::string::npos);
}

TEST_F(Shell, GivesValidJsonForAnyBytes) {
  EXPECT_EQ(bash("printf 'a\\377b\\001'").at("stdout").as_string(),
            "a\xEF\xBF\xBD"
            "b\x01");
}

TEST_F(Shell, CountsASignalAsAShellDoes) {
  EXPECT_EQ(bash("kill -9 $$").at("exit_code").to_number<int>(), 137);
}

TEST_F(Shell, ATimeoutKillsTheWholeGroupAndKeepsTheOutput) {
  const auto output = run({{"command", "sleep 1000 & echo $! > pid; echo early; wait"}, {"timeout", 1}});

  EXPECT_TRUE(output.is_error);
  EXPECT_TRUE(read(output).at("exit_code").is_null());
  EXPECT_EQ(read(output).at("stdout").as_string(), "early\n");
  EXPECT_NE(output.text.find("did not end in time"), std::string::npos);
  expect_it_ends(pid_in("pid"));
}

TEST_F(Shell, TheRunsDeadlineCountsToo) {
  const auto output = run({{"command", "sleep 1000"}}, Deadline::after(std::chrono::milliseconds(50)));
  EXPECT_TRUE(read(output).at("exit_code").is_null());
}

TEST_F(Shell, WhatACommandLeavesInTheBackgroundEndsWithIt) {
  EXPECT_EQ(bash("sleep 1000 & echo $! > pid").at("exit_code").to_number<int>(), 0);
  expect_it_ends(pid_in("pid"));
}

TEST_F(Shell, ACommandThatClosesItsOutputIsWaitedFor) {
  EXPECT_EQ(bash("exec >&- 2>&-; sleep 0.2; exit 7").at("exit_code").to_number<int>(), 7);
}

TEST_F(Shell, CancellingKillsTheCommand) {
  const auto hang = [](Shell& shell) -> Task<void> {
    const auto call = part({{"command", "echo $$ > pid; sleep 1000 & wait"}});
    co_await shell.box.call(call, Deadline::never());
    ADD_FAILURE() << "a cancelled call returned";
  };
  const auto cancel = [](Shell& shell, Task<void> task) -> Task<void> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("call", std::move(task));
    while (shell.pid_in("pid") == 0) co_await sleep_for(std::chrono::milliseconds(1));
    co_await group.stop();
  };

  isa::testing::run(cancel(*this, hang(*this)));

  expect_it_ends(pid_in("pid"));
}

TEST_F(Shell, RefusesWhatItCannotRun) {
  EXPECT_TRUE(run({{"command", ""}}).is_error);
  EXPECT_TRUE(run({{"command", std::string("a\0b", 3)}}).is_error);
  EXPECT_TRUE(run({{"command", std::string(100'000, 'x')}}).is_error);
  EXPECT_NE(run({{"command", "true"}, {"timeout", 601}}).text.find("from 1 to 600"), std::string::npos);
  EXPECT_TRUE(run({{"command", "true"}, {"env", json::object{{"A=B", "x"}}}}).is_error);
  EXPECT_NE(run({{"command", "true"}, {"run_in_background", true}}).text.find("/run_in_background"),
            std::string::npos);
}

}  // namespace
}  // namespace isa::sdk
