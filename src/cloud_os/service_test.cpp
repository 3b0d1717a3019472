#include "cloud_os/testing.h"

namespace isa::cloud_os::testing {
namespace {

TEST(Service, CreatesASandboxThatAnswersAndRemovesItWithoutATrace) {
  ISA_NEEDS_SANDBOXES();
  with_service([](Service& service) -> Task<void> {
    const auto vm = co_await service.create(VmCreate{}, soon());
    if (!vm) throw std::runtime_error(vm.error().message() + vm.error().detail());
    EXPECT_EQ(vm->status, VmStatus::running);
    EXPECT_EQ(co_await shell(*vm, "echo hello"), "hello\n[0]");
    const auto removed = co_await service.remove(vm->vm_id);
    EXPECT_TRUE(removed.has_value());
    const auto again = co_await service.remove(vm->vm_id);
    EXPECT_TRUE(again.has_value());
    const auto found = co_await service.find(vm->vm_id);
    EXPECT_EQ(found.error().kind(), ErrorKind::not_found);
  });
}

}  // namespace
}  // namespace isa::cloud_os::testing
