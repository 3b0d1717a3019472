// What holds when the server dies, and when it comes back.
#include "cloud_os/testing.h"

#include <fstream>

#include <signal.h>
#include <sys/wait.h>

namespace isa::cloud_os::testing {
namespace {

namespace fs = std::filesystem;

SandboxDir dir_of(const fs::path& data_dir, const SandboxId& id) {
  return {data_dir / "sandboxes" / id.value()};
}

// A server in a process of its own, killed by SIGKILL as soon as it has made its sandboxes.
std::vector<Vm> made_by_killed_server(const fs::path& data_dir, int count) {
  int ends[2];
  if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
  const pid_t server = ::fork();
  if (server == 0) {
    serve(data_dir, AtEnd::leave_running, [&](Service& service) -> Task<void> {
      for (int i = 0; i < count; ++i) {
        const auto vm = co_await created(service);
        const auto bound = co_await service.bind(vm.vm_id, binding_of("user_" + std::to_string(i)));
        if (!bound) ::_exit(1);
        const auto text = json::serialize(json::write(vm)) + "\n";
        if (::write(ends[1], text.data(), text.size()) < 0) ::_exit(1);
      }
      co_await sleep_until(Deadline::never());
    });
  }
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

TEST(Restart, ASandboxOutlivesAKilledServerAndIsAdopted) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 2);
  ASSERT_EQ(made.size(), 2U);
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    for (std::size_t i = 0; i < made.size(); ++i) {
      const auto vm = co_await service.find(made[i].vm_id);
      if (!vm) throw std::runtime_error(vm.error().message());
      EXPECT_EQ(vm->status, VmStatus::running);
      EXPECT_EQ(co_await shell(*vm, "echo still here; id -un; head -c 4 /etc/ld.so.cache | wc -c"),
                "still here\nagent\n4\n[0]");
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

TEST(Restart, AnAdoptedSandboxReachesItsBrokerOverTheNewSocket) {
  ISA_NEEDS_SANDBOXES();
  if (!fs::exists("/usr/bin/python3")) GTEST_SKIP() << "the request from inside needs /usr/bin/python3";
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.find(made[0].vm_id))->status, VmStatus::running);
    const auto said = co_await shell(made[0], R"(python3 - <<'END'
import socket
s = socket.socket(socket.AF_UNIX); s.connect('/run/isa/broker.sock')
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

TEST(Restart, ASandboxThatDiedMeanwhileIsLostWithAReason) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  const auto dir = dir_of(folder.path(), made[0].vm_id);
  const auto processes = read_pids(dir.pids());
  ASSERT_TRUE(processes.shim && processes.init);
  EXPECT_TRUE(kill_and_wait(*processes.shim, std::chrono::seconds(5)));
  EXPECT_TRUE(kill_and_wait(*processes.init, std::chrono::seconds(5)));
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    const auto vm = co_await service.find(made[0].vm_id);
    EXPECT_EQ(vm->status, VmStatus::failed);
    EXPECT_TRUE(vm->exit->reason.starts_with("lost")) << vm->exit->reason;
    EXPECT_TRUE(service.backend().name() == "bubblewrap");
  });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST(Restart, ASandboxWithoutItsShimIsStillKilled) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 1);
  ASSERT_EQ(made.size(), 1U);
  const auto processes = read_pids(dir_of(folder.path(), made[0].vm_id).pids());
  EXPECT_TRUE(kill_and_wait(*processes.shim, std::chrono::seconds(5)));
  EXPECT_TRUE(is_alive(*processes.init));
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.find(made[0].vm_id))->status, VmStatus::failed);
    EXPECT_FALSE(is_alive(*processes.init));
  });
}

TEST(Restart, ASandboxWithoutARecordIsRemoved) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  const auto made = made_by_killed_server(folder.path(), 2);
  ASSERT_EQ(made.size(), 2U);
  const auto first = read_pids(dir_of(folder.path(), made[0].vm_id).pids());
  const auto second = read_pids(dir_of(folder.path(), made[1].vm_id).pids());
  fs::remove(dir_of(folder.path(), made[0].vm_id).record());
  fs::remove_all(dir_of(folder.path(), made[1].vm_id).root);
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.list({}))->size(), 0U);
    const auto deadline = soon();
    while (!traces_of(folder.path()).empty() && !deadline.passed())
      co_await sleep_for(std::chrono::milliseconds(20));
    for (const auto& process : {first.shim, first.init, second.shim, second.init})
      EXPECT_FALSE(is_alive(*process));
    EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
  });
}

TEST(Restart, WhatWasBeingCreatedOrRemovedIsRemoved) {
  ISA_NEEDS_SANDBOXES();
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

TEST(Restart, ASandboxWhoseRecordIsUnreadableIsLeftAlone) {
  ISA_NEEDS_SANDBOXES();
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
  EXPECT_TRUE(is_alive(*read_pids(dir.pids()).shim));
  std::ofstream(dir.record()) << record;
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.find(made[0].vm_id))->status, VmStatus::running);
  });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST(Restart, AStoppedSandboxIsStillStoppedAndCanBeStarted) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  SandboxId id;
  serve(folder.path(), AtEnd::leave_running, [&](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    id = vm.vm_id;
    co_await shell(vm, "echo kept > /workspace/note");
    EXPECT_TRUE((co_await service.stop(id)).has_value());
  });
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.find(id))->status, VmStatus::stopped);
    const auto vm = co_await service.start(id, soon());
    EXPECT_EQ(co_await shell(*vm, "cat /workspace/note"), "kept\n[0]");
  });
}

TEST(Restart, TwoServersDoNotShareAFolder) {
  ISA_NEEDS_SANDBOXES();
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
