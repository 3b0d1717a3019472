// What holds when the server dies, and when it comes back.
#include "cloud_os/testing.h"

#include <atomic>
#include <fstream>

#include <signal.h>
#include <sys/wait.h>

namespace isa::cloud_os::testing {
namespace {

namespace fs = std::filesystem;

class RestartOn : public EveryBackend {};
ISA_FOR_EVERY_BACKEND(RestartOn);

// In a process of its own, which ends here and runs no other test, whatever happens. Writes a line for each
// sandbox, then waits to be killed.
[[noreturn]] void serve_until_killed(const fs::path& data_dir, int count, int lines) {
  try {
    serve(data_dir, AtEnd::leave_running, [&](Service& service) -> Task<void> {
      for (int i = 0; i < count; ++i) {
        const auto vm = co_await created(service);
        const auto bound = co_await service.bind(vm.vm_id, binding_of("user_" + std::to_string(i)));
        if (!bound) ::_exit(1);
        const auto text = json::serialize(json::write(vm)) + "\n";
        if (::write(lines, text.data(), text.size()) < 0) ::_exit(1);
      }
      co_await sleep_until(Deadline::never());
    });
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s\n", e.what());
  }
  ::_exit(1);
}

// The sandboxes of a server that was killed by SIGKILL as soon as it had made them.
std::vector<Vm> made_by_killed_server(const fs::path& data_dir, int count) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t server = ::fork();
  if (server == 0) serve_until_killed(data_dir, count, ends[1]);
  ::close(ends[1]);
  std::string text;
  char bytes[4096];
  while (std::ranges::count(text, '\n') < count) {
    const ssize_t got = ::read(ends[0], bytes, sizeof bytes);
    if (got <= 0) break;
    text.append(bytes, static_cast<std::size_t>(got));
  }
  ::close(ends[0]);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  std::vector<Vm> made;
  for (std::size_t at = 0; at < text.size(); at = text.find('\n', at) + 1)
    made.push_back(json::parse_as<Vm>(text.substr(at, text.find('\n', at) - at)).value());
  return made;
}

Task<void> post_and_forget(Vm vm, std::string path) {
  co_await post(std::move(vm), std::move(path), "");
}

TEST_P(RestartOn, ASandboxOutlivesAKilledServerAndIsAdopted) {
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 2);
  ASSERT_EQ(made.size(), 2U);
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    for (std::size_t i = 0; i < made.size(); ++i) {
      const auto vm = co_await service.find(made[i].vm_id);
      if (!vm) throw std::runtime_error(vm.error().message());
      EXPECT_EQ(vm->status, VmStatus::running);
      EXPECT_EQ(co_await shell(*vm, "echo still here"), "still here\n[0]");
      if (isolates(*vm)) EXPECT_EQ(co_await shell(*vm, "id -un; wc -l < /etc/passwd"), "agent\n3\n[0]");
      // Its channel speaks for the same user as before, over a socket that the new server listens on.
      EXPECT_TRUE((co_await service.bind(vm->vm_id, binding_of("user_" + std::to_string(i)))).has_value());
      const auto other = co_await service.bind(vm->vm_id, binding_of("somebody else", "lease_2"));
      EXPECT_EQ(other.error().kind(), ErrorKind::conflict);
    }
    // It is watched again, too.
    co_await post(made[0], "/exit/5", "");
    const auto ended = co_await await_status(service, made[0].vm_id, VmStatus::failed);
    EXPECT_EQ(ended.exit->code, 5);
  });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST_P(RestartOn, WhatWasLeftBeforeItsRecordIsGoneAtTheStart) {
  const TempFolder folder;
  const auto unfinished = folder.path() / "sandboxes" / "vm_unfinished";
  fs::create_directories(unfinished / "workspace");
  serve(folder.path(), AtEnd::empty, [&](Service&) -> Task<void> {
    EXPECT_FALSE(fs::exists(unfinished));
    co_return;
  });
}

TEST_P(RestartOn, AnAdoptedSandboxReachesItsBrokerOverTheNewSocket) {
  if (!fs::exists("/usr/bin/python3")) GTEST_SKIP() << "the request from inside needs /usr/bin/python3";
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.find(made[0].vm_id))->status, VmStatus::running);
    const auto said = co_await shell(made[0], "BROKER=" + broker_in(made[0]) + R"( python3 - <<'END'
import os, socket
s = socket.socket(socket.AF_UNIX); s.connect(os.environ['BROKER'])
s.sendall(b'GET /v1/models HTTP/1.1\r\nHost: x\r\nX-User-Id: user_root\r\nConnection: close\r\n\r\n')
data = b''
while True:
    more = s.recv(4096)
    if not more: break
    data += more
print(data.decode().split('\r\n\r\n')[1])
END)");
    EXPECT_NE(said.find(R"("user":"user_0")"), std::string::npos) << said;
  });
}

TEST_P(RestartOn, ASandboxThatEndedMeanwhileStillSaysHow) {
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  const auto supervisor = supervisor_of(folder.path(), made[0].vm_id);
  isa::testing::run(post_and_forget(made[0], "/exit/7"));
  ASSERT_TRUE(wait_until_gone(supervisor, std::chrono::seconds(20)));
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    const auto vm = co_await service.find(made[0].vm_id);
    EXPECT_EQ(vm->status, VmStatus::failed);
    EXPECT_EQ(vm->exit->code, 7) << vm->exit->reason;
  });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST_P(RestartOn, ASandboxWhoseSupervisorWasKilledMeanwhileIsFailedAndNothingOfItRuns) {
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  const auto supervisor = supervisor_of(folder.path(), made[0].vm_id);
  EXPECT_TRUE(kill_and_wait(supervisor, std::chrono::seconds(20)));
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    const auto vm = co_await service.find(made[0].vm_id);
    EXPECT_EQ(vm->status, VmStatus::failed);
    EXPECT_FALSE(vm->exit->code.has_value());
    EXPECT_FALSE(vm->exit->reason.empty());
    // A shim's sandbox lives on without it, until the server comes back.
    const auto said = co_await shell(made[0], "echo alive");
    EXPECT_NE(said.find("error"), std::string::npos) << said;
  });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST_P(RestartOn, ASandboxWithoutARecordIsRemoved) {
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 2);
  ASSERT_EQ(made.size(), 2U);
  const auto first = supervisor_of(folder.path(), made[0].vm_id);
  const auto second = supervisor_of(folder.path(), made[1].vm_id);
  fs::remove(dir_of(folder.path(), made[0].vm_id).record());
  fs::remove_all(dir_of(folder.path(), made[1].vm_id).root);
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.list({}))->size(), 0U);
    const auto deadline = soon();
    while (!traces_of(folder.path()).empty() && !deadline.passed())
      co_await sleep_for(std::chrono::milliseconds(20));
    for (const auto& process : {first, second}) EXPECT_FALSE(is_alive(process));
    EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
  });
}

TEST_P(RestartOn, WhatWasBeingCreatedOrRemovedIsRemoved) {
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 2);
  ASSERT_EQ(made.size(), 2U);
  const VmStatus states[] = {VmStatus::creating, VmStatus::deleted};
  for (int i = 0; i < 2; ++i) {
    const auto dir = dir_of(folder.path(), made[i].vm_id);
    auto record = load(dir).value();
    record.vm.status = states[i];
    ASSERT_TRUE(save(dir, record).has_value());
  }
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.list({}))->size(), 0U);
    EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
    co_return;
  });
}

TEST_P(RestartOn, ASandboxWhoseRecordIsUnreadableIsLeftAlone) {
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  const auto dir = dir_of(folder.path(), made[0].vm_id);
  const auto record = read_text(dir.record()).value();
  std::ofstream(dir.record()) << record.substr(0, record.size() / 2);
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.list({}))->size(), 0U);
    EXPECT_EQ(co_await shell(made[0], "echo alive"), "alive\n[0]");
  });
  EXPECT_TRUE(is_alive(supervisor_of(folder.path(), made[0].vm_id)));
  std::ofstream(dir.record()) << record;
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.find(made[0].vm_id))->status, VmStatus::running);
  });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST_P(RestartOn, AStoppedSandboxIsStillStoppedAndCanBeStarted) {
  const TempFolder folder;
  SandboxId id;
  serve(folder.path(), AtEnd::leave_running, [&](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    id = vm.vm_id;
    co_await shell(vm, "echo kept > $ISA_WORKSPACE/note");
    EXPECT_TRUE((co_await service.stop(id)).has_value());
  });
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.find(id))->status, VmStatus::stopped);
    const auto vm = co_await service.start(id, soon());
    EXPECT_EQ(co_await shell(*vm, "cat $ISA_WORKSPACE/note"), "kept\n[0]");
  });
}

TEST_P(RestartOn, ARunningSandboxOfAnotherBackendIsNotTakenForLost) {
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  const auto dir = dir_of(folder.path(), made[0].vm_id);
  const auto set_backend = [&](const std::string& name) {
    auto record = load(dir).value();
    record.vm.backend = name;
    ASSERT_TRUE(save(dir, record).has_value());
  };
  set_backend("another");
  isa::testing::run([](const fs::path& data_dir) -> Task<void> {
    EchoModels models;
    net::Metrics metrics;
    const auto executor = co_await asio::this_coro::executor;
    const auto brokerage = Brokerage::open(executor, data_dir, test_settings(), models, metrics).value();
    Service service(executor, data_dir, test_settings(), backend_for(data_dir), *brokerage);
    const auto started = co_await service.start();
    EXPECT_NE(started.error().message().find("cloud_os.backend=another"), std::string::npos);
    co_await service.stop();
    co_await brokerage->stop();
  }(folder.path()));
  EXPECT_TRUE(is_alive(supervisor_of(folder.path(), made[0].vm_id)));
  set_backend(backend_under_test());
  serve(folder.path(), AtEnd::empty, [](Service&) -> Task<void> { co_return; });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

// A backend whose host does not say, for as long as it is blind, what runs.
class Blind final : public Backend {
 public:
  Blind(std::unique_ptr<Backend> of, const std::atomic<bool>& is_blind)
      : of_(std::move(of)), is_blind_(is_blind) {}
  std::string_view name() const override { return of_->name(); }
  std::string_view isolation() const override { return of_->isolation(); }
  LimitsEnforced enforced() const override { return of_->enforced(); }
  Capabilities capabilities() const override { return of_->capabilities(); }
  Result<void> accepts(const VmCreate& spec) const override { return of_->accepts(spec); }
  Result<Spawned> spawn(const SandboxDir& dir, const Record& record) override {
    return of_->spawn(dir, record);
  }
  Result<std::optional<ProcessId>> find(const SandboxDir& dir) override {
    if (is_blind_) return service_unavailable("nobody answers");
    return of_->find(dir);
  }
  VmExit exit_of(const SandboxDir& dir) override { return of_->exit_of(dir); }
  Result<std::string> logs(const SandboxDir& dir) override { return of_->logs(dir); }
  Result<void> pause(const SandboxDir& dir) override { return of_->pause(dir); }
  Result<void> resume(const SandboxDir& dir) override { return of_->resume(dir); }
  Result<VmStats> stats(const SandboxDir& dir) override { return of_->stats(dir); }
  Result<void> kill(const SandboxDir& dir) override { return of_->kill(dir); }
  Result<void> reclaim(const SandboxDir& dir) override { return of_->reclaim(dir); }
  Result<std::vector<Alive>> enumerate() override {
    if (is_blind_) return service_unavailable("nobody answers");
    return of_->enumerate();
  }
  void retire() override { of_->retire(); }

 private:
  std::unique_ptr<Backend> of_;
  const std::atomic<bool>& is_blind_;
};

TEST_P(RestartOn, WhereTheHostCannotSayWhatRunsNothingIsConcludedAndItIsAskedAgain) {
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  isa::testing::run([](const fs::path& data_dir, Vm vm) -> Task<void> {
    EchoModels models;
    net::Metrics metrics;
    const auto executor = co_await asio::this_coro::executor;
    const auto brokerage = Brokerage::open(executor, data_dir, test_settings(), models, metrics).value();
    std::atomic<bool> is_blind = true;
    Service service(executor, data_dir, test_settings(),
                    std::make_unique<Blind>(backend_for(data_dir), is_blind), *brokerage);
    EXPECT_TRUE((co_await service.start()).has_value());
    EXPECT_EQ((co_await service.find(vm.vm_id))->status, VmStatus::running);
    EXPECT_EQ(co_await shell(vm, "echo alive; test -S " + broker_in(vm)), "alive\n[0]");
    is_blind = false;
    co_await post(vm, "/exit/5", "");
    EXPECT_EQ((co_await await_status(service, vm.vm_id, VmStatus::failed)).exit->code, 5);
    EXPECT_TRUE((co_await service.stop_all()).has_value());
    co_await brokerage->stop();
  }(folder.path(), made[0]));
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST_P(RestartOn, TwoServersDoNotShareAFolder) {
  const TempFolder folder;
  serve(folder.path(), AtEnd::empty, [&](Service& first) -> Task<void> {
    Service second(co_await asio::this_coro::executor, folder.path(), test_settings(),
                   backend_for(folder.path()), first.brokerage());
    EXPECT_EQ((co_await second.start()).error().kind(), ErrorKind::conflict);
    co_await second.stop();
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
