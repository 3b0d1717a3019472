// Deadlines, pauses, disk limits, and creations that are asked for twice.
#include "cloud_os/leftovers.h"
#include "cloud_os/testing.h"

#include <fstream>

namespace isa::cloud_os::testing {
namespace {

namespace fs = std::filesystem;

// Waits until the sandbox is gone.
Task<void> await_gone(Service& service, SandboxId id) {
  const auto deadline = soon();
  while ((co_await service.find(id)).has_value()) {
    if (deadline.passed()) throw std::runtime_error("the sandbox is not removed");
    co_await sleep_for(std::chrono::milliseconds(10));
  }
}

bool can_pause(const Service& service) {
  return service.backend().capabilities().pause;
}

class DeadlinesOn : public EveryBackend {};
ISA_FOR_EVERY_BACKEND(DeadlinesOn);

TEST_P(DeadlinesOn, ASandboxThatNobodyUsesIsRemoved) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.idle_timeout_s = 1;
    const auto vm = co_await created(service, spec);
    co_await await_gone(service, vm.vm_id);
  });
}

TEST_P(DeadlinesOn, RenewingMovesTheEndOfASandbox) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.timeout_s = 3600;
    const auto vm = co_await created(service, spec);
    const auto later = co_await service.renew(vm.vm_id, {.timeout_s = 7200, .idle_timeout_s = {}});
    EXPECT_GT(*later->expires_at - *vm.expires_at, std::chrono::minutes(59));
    EXPECT_EQ((co_await service.renew(vm.vm_id, {.timeout_s = 0, .idle_timeout_s = {}})).error().kind(),
              ErrorKind::validation_error);
    EXPECT_TRUE((co_await service.renew(vm.vm_id, {.timeout_s = 1, .idle_timeout_s = {}})).has_value());
    co_await await_gone(service, vm.vm_id);
    EXPECT_EQ((co_await service.renew(vm.vm_id, {.timeout_s = 9, .idle_timeout_s = {}})).error().kind(),
              ErrorKind::not_found);
  });
}

TEST_P(DeadlinesOn, PausingStopsTheClockAndTheProcesses) {
  with_service([](Service& service) -> Task<void> {
    if (!can_pause(service)) {
      EXPECT_EQ((co_await service.pause((co_await created(service)).vm_id)).error().kind(),
                ErrorKind::not_implemented);
      co_return;
    }
    VmCreate spec;
    spec.timeout_s = 2;
    const auto vm = co_await created(service, spec);
    EXPECT_EQ((co_await service.pause(vm.vm_id))->status, VmStatus::paused);
    EXPECT_EQ((co_await service.pause(vm.vm_id))->status, VmStatus::paused) << "twice is once";
    net::Request question;
    question.target = "/exec";
    const auto refused = co_await service.control(vm.vm_id, question);
    EXPECT_EQ(refused.error().code(), "sandbox_paused");
    const auto before = co_await service.stats(vm.vm_id);
    co_await sleep_for(std::chrono::milliseconds(2500));  // The time is what this tests.
    const auto still = co_await service.find(vm.vm_id);
    EXPECT_EQ(still->status, VmStatus::paused) << "longer ago than its timeout";
    EXPECT_EQ((co_await service.stats(vm.vm_id))->cpu_time_ms, before->cpu_time_ms);
    const auto resumed = co_await service.resume(vm.vm_id);
    EXPECT_EQ(resumed->status, VmStatus::running);
    EXPECT_GT(*resumed->expires_at, now());
    EXPECT_EQ(co_await shell(vm, "echo on"), "on\n[0]");
    co_await await_gone(service, vm.vm_id);
  });
}

TEST_P(DeadlinesOn, APausedSandboxCanBeStoppedAndRemoved) {
  with_service([](Service& service) -> Task<void> {
    if (!can_pause(service)) co_return;
    const auto vm = co_await created(service);
    co_await service.pause(vm.vm_id);
    EXPECT_EQ((co_await service.stop(vm.vm_id))->status, VmStatus::stopped);
    EXPECT_EQ((co_await service.resume(vm.vm_id)).error().kind(), ErrorKind::conflict);
    EXPECT_EQ((co_await service.start(vm.vm_id, soon()))->status, VmStatus::running);
    co_await service.pause(vm.vm_id);
    EXPECT_TRUE((co_await service.remove(vm.vm_id)).has_value());
  });
}

TEST_P(DeadlinesOn, APausedSandboxIsStillPausedAfterARestart) {
  const TempFolder folder;
  SandboxId id;
  serve(folder.path(), AtEnd::leave_running, [&](Service& service) -> Task<void> {
    id = (co_await created(service)).vm_id;
    if (can_pause(service)) co_await service.pause(id);
  });
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    if (!can_pause(service)) co_return;
    EXPECT_EQ((co_await service.find(id))->status, VmStatus::paused);
    const auto vm = co_await service.resume(id);
    EXPECT_EQ(co_await shell(*vm, "echo on"), "on\n[0]");
  });
  EXPECT_EQ(traces_of(folder.path()), std::vector<std::string>());
}

TEST_P(DeadlinesOn, CountsWhatASandboxUses) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    co_await shell(vm, "head -c 3000000 /dev/zero > $ISA_WORKSPACE/file");
    const auto used = co_await service.stats(vm.vm_id);
    EXPECT_GE(used->disk_bytes.value_or(0), 3'000'000);
    if (vm.limits_enforced.memory_mb) EXPECT_GT(used->memory_bytes.value_or(0), 0);
    if (vm.limits_enforced.pids) EXPECT_GE(used->processes.value_or(0), 1);
    EXPECT_TRUE(vm.limits_enforced.disk_watched);
    EXPECT_FALSE(vm.limits_enforced.disk_size_gb) << "a write beyond the limit does not fail here";
    co_await service.stop(vm.vm_id);
    EXPECT_EQ((co_await service.stats(vm.vm_id)).error().kind(), ErrorKind::conflict);
  });
}

TEST_P(DeadlinesOn, ASandboxOverItsDiskLimitIsStoppedAndSaysWhy) {
  std::error_code error;
  if (fs::space("/tmp", error).available < std::uintmax_t{4} << 30)
    GTEST_SKIP() << "less than 4 GiB are free on /tmp";
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);  // One gigabyte.
    const auto large = co_await shell(vm, "truncate -s 1025M $ISA_WORKSPACE/large 2>&1; echo $?");
    EXPECT_EQ(large.find("\n0\n"), std::string::npos) << "one file alone cannot be larger: " << large;
    co_await shell(
        vm, "head -c 600M /dev/zero > $ISA_WORKSPACE/a; head -c 600M /dev/zero > $ISA_WORKSPACE/b; sleep 60");
    const auto stopped = co_await await_status(service, vm.vm_id, VmStatus::failed);
    EXPECT_EQ(stopped.exit->reason, "disk limit exceeded");
  });
}

TEST(CreateOnce, WhoeverLeavesFindsTheSandboxWhenComingBack) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  const auto id = SandboxId::make();
  serve(folder.path(), AtEnd::leave_running, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.made(id)).error().kind(), ErrorKind::not_found);
    {
      TaskGroup caller(co_await asio::this_coro::executor);
      caller.spawn("caller", [](Service& of, SandboxId which) -> Task<void> {
        std::ignore = co_await of.create_once(std::move(which), {});
      }(service, id));
      while ((co_await service.list({}))->empty()) co_await sleep_for(std::chrono::milliseconds(1));
      co_await caller.stop();
    }
    const auto vm = co_await service.made(id);
    if (!vm) throw std::runtime_error(vm.error().message());
    EXPECT_EQ(vm->vm_id, id);
    EXPECT_EQ(vm->status, VmStatus::running);
  });
  serve(folder.path(), AtEnd::empty, [&](Service& service) -> Task<void> {
    EXPECT_EQ((co_await service.made(id))->vm_id, id) << "after a restart, too";
    EXPECT_EQ((co_await service.list({}))->size(), 1U);
  });
}

TEST(WaitFor, ReturnsAtTheStatusOrWhenItCannotBe) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_EQ((co_await service.wait_for(vm.vm_id, VmStatus::running, soon()))->status, VmStatus::running);
    const auto in_vain = Deadline::after(std::chrono::milliseconds(20));
    EXPECT_EQ((co_await service.wait_for(vm.vm_id, VmStatus::paused, in_vain))->status, VmStatus::running);
    co_await service.stop(vm.vm_id);
    EXPECT_EQ((co_await service.wait_for(vm.vm_id, VmStatus::running, soon()))->status, VmStatus::stopped);
  });
}

TEST(Leftovers, NothingIsConcludedFromAFolderThatCannotBeRead) {
  const TempFolder folder;
  ISA_NEEDS_SANDBOXES();
  const auto backend = backend_for(folder.path());
  std::ofstream(folder.path() / "file") << "no folder";
  const auto found = find_leftovers(folder.path() / "file", *backend, std::chrono::seconds(0));
  EXPECT_FALSE(found.has_value());
}

TEST(Leftovers, WhatIsYoungerThanTheGraceIsLeftAlone) {
  ISA_NEEDS_SANDBOXES();
  const TempFolder folder;
  const auto backend = backend_for(folder.path());
  const auto sandboxes = folder.path() / "sandboxes";
  fs::create_directories(sandboxes / "vm_orphan/workspace");
  EXPECT_TRUE(find_leftovers(sandboxes, *backend, std::chrono::minutes(1))->empty());
  const auto found = find_leftovers(sandboxes, *backend, std::chrono::seconds(0));
  ASSERT_EQ(found->size(), 1U);
  EXPECT_EQ(found->front().id, SandboxId("vm_orphan"));
  EXPECT_TRUE(remove_leftover(SandboxDir{sandboxes / "vm_orphan"}, *backend).has_value());
  EXPECT_FALSE(fs::exists(sandboxes / "vm_orphan"));
}

}  // namespace
}  // namespace isa::cloud_os::testing
