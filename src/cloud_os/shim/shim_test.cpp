// The supervisor of a sandbox that has no namespaces (--bare), as a backend starts it.
#include "cloud_os/start_shim.h"
#include "cloud_os/testing.h"
#include "cloud_os/unix_listener.h"

#include <fstream>
#include <sstream>

#include <signal.h>

namespace isa::cloud_os::testing {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const std::string kPath("PATH=/usr/bin:/bin\0", 19);

// A shell script as the first process of a sandbox. What it starts notes its pid in the file `started`.
class Bare {
 public:
  explicit Bare(const std::string& script, const std::optional<std::string>& environment = kPath) {
    fs::create_directories(dir_.workspace());
    if (environment) std::ofstream(dir_.environment()) << *environment;
    ShimDescriptors inherited;
    inherited.listener = listen_unix(dir_.agent_socket(), 0600).value();
    shim_ = start_shim(dir_, {ISA_SHIM, "--dir", dir_.root, "--bare", "--", "/bin/sh", "-c", script},
                       std::move(inherited))
                .value();
  }
  ~Bare() {
    send_signal(shim_, SIGTERM);
    EXPECT_TRUE(wait_until_gone(shim_, 20s));
  }

  const SandboxDir& dir() const { return dir_; }
  const ProcessId& shim() const { return shim_; }
  bool ends() const { return wait_until_gone(shim_, 20s); }
  std::string exit() const { return read_text(dir_.exit()).value_or(""); }
  std::string said(const std::string& file) const { return read_text(dir_.workspace() / file).value_or(""); }

  // Of those that noted themselves, who lives.
  std::vector<ProcessId> living() const {
    std::vector<ProcessId> found;
    std::istringstream pids(said("started"));
    for (pid_t pid = 0; pids >> pid;)
      if (const auto process = identify(pid)) found.push_back(*process);
    return found;
  }
  std::vector<ProcessId> await_living(std::size_t count) const {
    const auto deadline = soon();
    auto found = living();
    while (found.size() < count && !deadline.passed()) found = living();
    EXPECT_GE(found.size(), count) << read_text(dir_.log()).value_or("");
    return found;
  }

 private:
  TempFolder folder_;
  SandboxDir dir_{folder_ / "vm_test"};
  ProcessId shim_;
};

void expect_gone(const std::vector<ProcessId>& processes) {
  for (const auto& one : processes) EXPECT_FALSE(is_alive(one)) << one.pid;
}

std::string refusal(const std::string& arguments) {
  const auto command = fmt::format("{} {} 2>&1; echo \"[$?]\"", ISA_SHIM, arguments);
  FILE* output = ::popen(command.c_str(), "r");
  std::string text;
  char bytes[256];
  while (std::fgets(bytes, sizeof bytes, output)) text += bytes;
  ::pclose(output);
  return text;
}

TEST(Shim, ABareProgramHasItsOwnEnvironmentItsListenerAndNothingElse) {
  using std::string_literals::operator""s;
  const Bare bare("/usr/bin/env -0 > env; pwd > pwd; echo /proc/self/fd/* > fds",
                  "PATH=/usr/bin\0SECRET=two\nlines\0"s);
  const auto command = read_text(fmt::format("/proc/{}/cmdline", bare.shim().pid)).value_or("");
  ASSERT_TRUE(bare.ends());
  EXPECT_EQ(command.find("lines"), std::string::npos);
  const auto env = bare.said("env");
  EXPECT_NE(env.find("SECRET=two\nlines\0"s), std::string::npos) << env;
  EXPECT_EQ(env.find("HOME="), std::string::npos) << env;
  EXPECT_EQ(bare.said("pwd"), bare.dir().workspace().string() + "\n");
  // The shell itself holds one more: of the folder that it lists.
  const auto descriptors = bare.said("fds");
  EXPECT_TRUE(descriptors.starts_with("/proc/self/fd/0 /proc/self/fd/1 /proc/self/fd/2 /proc/self/fd/3"))
      << descriptors;
  EXPECT_EQ(descriptors.find("fd/5"), std::string::npos) << descriptors;
  EXPECT_EQ(bare.exit(), "exited 0\n");
}

TEST(Shim, WhatABareProgramStartedEndsWithIt) {
  const Bare bare(
      "mkfifo go\n"
      "(setsid /bin/sh -c 'trap \"\" TERM HUP; echo $$ >> started; sleep 600' &)\n"
      "(sleep 600 & echo $! >> started)\n"
      "read -r line < go; exit 3");
  const auto started = bare.await_living(2);
  std::ofstream(bare.dir().workspace() / "go") << "on\n";
  ASSERT_TRUE(bare.ends());
  expect_gone(started);
  EXPECT_EQ(bare.exit(), "exited 3\n");
}

TEST(Shim, ToEndABareProgramEndsAllThatItStarted) {
  const Bare bare(
      "trap '' TERM\n"
      "(setsid /bin/sh -c 'trap \"\" TERM; echo $$ >> started; sleep 600; sleep 600' &)\n"
      "while :; do sleep 600 & echo $! >> started; done");
  auto started = bare.await_living(10);
  const auto all = read_pids(bare.dir().pids());
  ASSERT_TRUE(all.init);
  started.push_back(*all.init);
  send_signal(bare.shim(), SIGTERM);
  ASSERT_TRUE(bare.ends());
  expect_gone(started);
  expect_gone(bare.living());
  EXPECT_EQ(bare.exit(), "signaled 9\n");
}

TEST(Shim, ACodeAbove128IsACodeAndNotASignal) {
  const Bare bare("exit 200");
  ASSERT_TRUE(bare.ends());
  EXPECT_EQ(bare.exit(), "exited 200\n");
}

TEST(Shim, ABareProgramWithoutEnvironmentIsNotStartedAndTheLogSaysWhy) {
  const Bare bare("exit 0", std::nullopt);
  ASSERT_TRUE(bare.ends());
  EXPECT_EQ(bare.exit(), "exited 125\n");
  EXPECT_NE(read_text(bare.dir().log())->find("isa-shim: cannot read"), std::string::npos);
}

TEST(Shim, ArgumentsThatMakeNoSenseAreRefused) {
  for (const std::string arguments :
       {"--dir /tmp --bare --uid 1000 --gid 1000 -- /bin/true", "--dir /tmp --bare --gid 1000 -- /bin/true",
        "--dir /tmp --bare --stage a=/tmp -- /bin/true", "--dir /tmp --bare", "--bare -- /bin/true",
        "--dir /tmp --bare yes -- /bin/true", "--dir /tmp --nothing 1 -- /bin/true"})
    EXPECT_TRUE(refusal(arguments).ends_with("[2]\n")) << arguments;
  EXPECT_NE(refusal("--dir /tmp --bare --stage a=/tmp -- /bin/true").find("--bare goes without"),
            std::string::npos);
}

}  // namespace
}  // namespace isa::cloud_os::testing
