#include "cloud_os/testing.h"

#include <sys/stat.h>

namespace isa::cloud_os::testing {
namespace {

class ServiceOn : public EveryBackend {};
ISA_FOR_EVERY_BACKEND(ServiceOn);

TEST_P(ServiceOn, CreatesASandboxThatAnswersAndRemovesItWithoutATrace) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    EXPECT_EQ(vm.status, VmStatus::running);
    EXPECT_TRUE(vm.started_at.has_value());
    EXPECT_EQ(co_await shell(vm, "echo hello"), "hello\n[0]");
    EXPECT_TRUE((co_await service.remove(vm.vm_id)).has_value());
    EXPECT_EQ(traces_of(SandboxDir{*vm.endpoint->unix_}.root.parent_path().parent_path().parent_path()),
              std::vector<std::string>());
    EXPECT_EQ((co_await service.find(vm.vm_id)).error().kind(), ErrorKind::not_found);
  });
}

TEST_P(ServiceOn, RemovingWhatDoesNotExistSucceeds) {
  with_service([](Service& service) -> Task<void> {
    EXPECT_TRUE((co_await service.remove(SandboxId("vm_unknown"))).has_value());
  });
}

TEST_P(ServiceOn, ListsBySeveralLabels) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.labels = {{"pool", "agent"}, {"zone", "a"}};
    const auto vm = co_await created(service, spec);
    std::map<std::string, std::string> both{{"pool", "agent"}, {"zone", "a"}};
    std::map<std::string, std::string> other{{"pool", "agent"}, {"zone", "b"}};
    const auto found = co_await service.list(both);
    EXPECT_EQ(found->size(), 1U);
    EXPECT_EQ((co_await service.list(other))->size(), 0U);
  });
}

TEST_P(ServiceOn, AStoppedSandboxKeepsItsWorkspaceAndStartsAgain) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    co_await shell(vm, "echo kept > $ISA_WORKSPACE/note");
    if (isolates(vm)) co_await shell(vm, "echo lost > /tmp/note");
    const auto stopped = co_await service.stop(vm.vm_id);
    EXPECT_EQ(stopped->status, VmStatus::stopped);
    EXPECT_EQ(stopped->exit->reason, "stopped");
    const SandboxDir dir{std::filesystem::path(*vm.endpoint->unix_).parent_path()};
    const auto supervisor = backend_for(dir.root.parent_path().parent_path())->find(dir);
    EXPECT_FALSE(supervisor.value().has_value());
    const auto again = co_await service.start(vm.vm_id, soon());
    EXPECT_EQ(again->status, VmStatus::running);
    EXPECT_FALSE(again->exit.has_value());
    EXPECT_EQ(co_await shell(*again, "cat $ISA_WORKSPACE/note"), "kept\n[0]");
    if (isolates(vm)) EXPECT_EQ(co_await shell(*again, "test -e /tmp/note"), "[1]");
  });
}

TEST_P(ServiceOn, StartingARunningSandboxDoesNothing) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    const auto supervisor = supervisor_of(data_dir_of(vm), vm.vm_id);
    const auto again = co_await service.start(vm.vm_id, soon());
    EXPECT_EQ(again->started_at, vm.started_at);
    EXPECT_EQ(supervisor_of(data_dir_of(vm), vm.vm_id), supervisor);
  });
}

TEST_P(ServiceOn, ASandboxThatEndsBadlyIsFailedWithItsCode) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    co_await post(vm, "/exit/3", "");
    const auto ended = co_await await_status(service, vm.vm_id, VmStatus::failed);
    EXPECT_EQ(ended.exit->code, 3);
    EXPECT_EQ(ended.exit->reason, "exited");
  });
}

TEST_P(ServiceOn, ASandboxThatEndsWellIsStopped) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    co_await post(vm, "/exit/0", "");
    const auto ended = co_await await_status(service, vm.vm_id, VmStatus::stopped);
    EXPECT_EQ(ended.exit->code, 0);
  });
}

TEST_P(ServiceOn, ManySandboxesAreCreatedAtTheSameTimeAndDiffer) {
  with_service([](Service& service) -> Task<void> {
    std::vector<Vm> made;
    TaskGroup group(co_await asio::this_coro::executor);
    const auto one = [](Service& from, std::vector<Vm>& to) -> Task<void> {
      to.push_back(co_await created(from));
    };
    for (int i = 0; i < 8; ++i) group.spawn("create", one(service, made));
    co_await group.join();
    EXPECT_EQ(made.size(), 8U);
    std::set<std::string> users;
    for (const auto& vm : made) {
      struct stat status{};
      const auto workspace = SandboxDir{std::filesystem::path(*vm.endpoint->unix_).parent_path()}.workspace();
      EXPECT_EQ(::stat(workspace.c_str(), &status), 0);
      users.insert(std::to_string(status.st_uid));
    }
    EXPECT_EQ(users.size(), ::geteuid() == 0 ? 8U : 1U);
  });
}

TEST_P(ServiceOn, ACreateThatIsTooLateLeavesNothing) {
  with_service([](Service& service) -> Task<void> {
    VmCreate slow;
    slow.env["TEST_RUNTIME_SLEEPS_S"] = "60";
    for (const auto within : {0, 300}) {  // Before its turn comes; while it starts.
      const auto vm = co_await service.create(slow, Deadline::after(std::chrono::milliseconds(within)));
      EXPECT_EQ(vm.has_value() ? ErrorKind::internal_error : vm.error().kind(), ErrorKind::timeout);
      EXPECT_EQ((co_await service.list({}))->size(), 0U);
    }
  });
}

TEST_P(ServiceOn, ACreateWhoseCallerGoesAwayLeavesNothing) {
  with_service([](Service& service) -> Task<void> {
    const auto create = [](Service& from) -> Task<void> { co_await from.create(VmCreate{}, soon()); };
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("create", create(service));
    while ((co_await service.list({}))->empty()) co_await sleep_for(std::chrono::milliseconds(1));
    co_await group.stop();
    while (!(co_await service.list({}))->empty()) co_await sleep_for(std::chrono::milliseconds(1));
  });
}

TEST_P(ServiceOn, ASandboxWhoseTimeIsOverIsRemoved) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.timeout_s = 1;
    const auto vm = co_await created(service, spec);
    const auto deadline = soon();
    while ((co_await service.find(vm.vm_id)) && !deadline.passed())
      co_await sleep_for(std::chrono::milliseconds(20));
    EXPECT_FALSE(deadline.passed());
  });
}

TEST_P(ServiceOn, KeepsTheEndOfWhatASandboxWrote) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    const auto deadline = soon();
    auto log = co_await service.logs(vm.vm_id);
    while (log->find("test runtime: up") == std::string::npos && !deadline.passed()) {
      co_await sleep_for(std::chrono::milliseconds(2));
      log = co_await service.logs(vm.vm_id);
    }
    EXPECT_FALSE(deadline.passed());
  });
}

TEST_P(ServiceOn, TheLogOfATalkativeSandboxIsBounded) {
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await created(service);
    // Long lines: what an engine adds to each counts, too.
    co_await post(vm, "/loud",
                  "yes $(head -c 200 /dev/zero | tr '\\0' x) | head -c 3000000; echo; echo the end");
    const auto deadline = soon();
    std::string log;
    while (!log.ends_with("the end\n") && !deadline.passed()) log = (co_await service.logs(vm.vm_id)).value();
    EXPECT_FALSE(deadline.passed());
    EXPECT_LE(log.size(), static_cast<std::size_t>(test_settings().log_bytes));
    EXPECT_GE(log.size(), static_cast<std::size_t>(test_settings().log_bytes) / 2);
  });
}

TEST_P(ServiceOn, RefusesWhatMakesNoSenseAndNamesTheField) {
  with_service([](Service& service) -> Task<void> {
    VmCreate tiny;
    tiny.limits.memory_mb = 1;
    const auto invalid = co_await service.create(tiny, soon());
    EXPECT_EQ(invalid.error().kind(), ErrorKind::validation_error);
    EXPECT_EQ(invalid.error().param(), "/limits/memory_mb");
    VmCreate key;
    key.env = {{"OPENAI_API_KEY", "mine"}};
    const auto reserved = co_await service.create(key, soon());
    EXPECT_EQ(reserved.error().param(), "/env/OPENAI_API_KEY");
  });
}

TEST_P(ServiceOn, RefusesWhatTheBackendLacksAndNamesTheField) {
  with_service([](Service& service) -> Task<void> {
    VmCreate bridge;
    bridge.network_mode = NetworkMode::bridge;
    if (service.backend().capabilities().bridge_network) co_return;
    const auto refused = co_await service.create(bridge, soon());
    EXPECT_EQ(refused.error().kind(), ErrorKind::not_implemented);
    EXPECT_EQ(refused.error().param(), "/network_mode");
  });
}

TEST_P(ServiceOn, PassesTheEnvironmentAndNothingOfTheHosts) {
  ::setenv("ISA_TEST_SECRET", "of the host", 1);
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.env = {{"GREETING", "two\nlines"}};
    const auto vm = co_await created(service, spec);
    EXPECT_EQ(co_await shell(vm, "echo \"$GREETING\""), "two\nlines\n[0]");
    EXPECT_EQ(co_await shell(vm, "echo \"$ISA_TEST_SECRET$SERVICE_PORT$ISA_WORKSPACE\""),
              "8888" + workspace_in(vm) + "\n[0]");
  });
  ::unsetenv("ISA_TEST_SECRET");
}

}  // namespace
}  // namespace isa::cloud_os::testing
