#include "cloud_os/testing.h"

namespace isa::cloud_os::testing {
namespace {

#define ISA_NEEDS_LIMIT(vm, limit) \
  if (!(vm).limits_enforced.limit) co_return (void)(std::cout << "not enforced on this host: " #limit "\n")

class LimitsOn : public EveryBackend {};
ISA_FOR_EVERY_BACKEND(LimitsOn);

TEST_P(LimitsOn, ASandboxThatTakesTooMuchMemoryIsEndedAndSaysSo) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.limits.memory_mb = 64;
    const auto vm = co_await created(service, spec);
    ISA_NEEDS_LIMIT(vm, memory_mb);
    co_await post(vm, "/eat/200", "");
    const auto ended = co_await await_status(service, vm.vm_id, VmStatus::failed);
    EXPECT_EQ(ended.exit->reason, "out of memory");
    EXPECT_EQ(ended.exit->signal, 9);
  });
}

TEST_P(LimitsOn, WhatLiesInTemporaryFilesCountsAsMemory) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.limits.memory_mb = 64;
    const auto vm = co_await created(service, spec);
    if (!isolates(vm)) co_return (void)(std::cout << "its temporary files are the host's\n");
    const auto said = co_await shell(vm, "head -c 100000000 /dev/zero > /tmp/big");
    EXPECT_FALSE(said.ends_with("[0]")) << said;
  });
}

TEST_P(LimitsOn, AForkBombMeetsTheLimitOfProcesses) {
  with_service([](Service& service) -> Task<void> {
    VmCreate spec;
    spec.limits.pids = 20;
    const auto vm = co_await created(service, spec);
    ISA_NEEDS_LIMIT(vm, pids);
    const auto said =
        co_await shell(vm, "for i in $(seq 40); do sleep 30 >/dev/null 2>&1 & done; echo through");
    EXPECT_EQ(said.find("through"), std::string::npos) << said;
    EXPECT_TRUE((co_await service.remove(vm.vm_id)).has_value());
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
