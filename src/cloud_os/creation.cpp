// How a sandbox comes to be, also when it is asked for twice.
#include "base/log.h"
#include "cloud_os/service.h"
#include "cloud_os/validate.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

constexpr std::chrono::seconds kCreateWithin{60};  // However long who asked for it wants to wait.

}  // namespace

// A caller that goes away in the middle of create() must not leave a sandbox that nobody knows of.
class Service::DiscardUnlessKept {
 public:
  DiscardUnlessKept(Service& service, SandboxPtr sandbox) : service_(service), sandbox_(std::move(sandbox)) {}
  DiscardUnlessKept(const DiscardUnlessKept&) = delete;
  DiscardUnlessKept& operator=(const DiscardUnlessKept&) = delete;
  ~DiscardUnlessKept() {
    // While the service stops, its record says `creating`: the next start() removes it.
    if (!sandbox_ || service_.is_stopping_) return;
    service_.tasks_.spawn("cloud_os.discard", service_.discard(sandbox_));
  }
  void keep() { sandbox_.reset(); }

 private:
  Service& service_;
  SandboxPtr sandbox_;
};

std::int64_t Service::free_slot() const {
  std::vector<std::int64_t> taken;
  for (const auto& [id, sandbox] : sandboxes_) taken.push_back(sandbox->record.slot);
  std::ranges::sort(taken);
  std::int64_t slot = 0;
  for (const auto one : taken) {
    if (one > slot) break;
    slot = one + 1;
  }
  return slot;
}

Result<void> Service::admit(const VmCreate& spec) const {
  ISA_TRYV(check(spec));
  ISA_TRYV(backend_->accepts(spec));
  if (is_stopping_) return service_unavailable("cloud_os is stopping; no sandbox is created any more");
  return ok();
}

// Anew at each start: it may be another one than made the sandbox.
void Service::note_backend(Vm& vm) const {
  vm.backend = backend_->name();
  vm.isolation = backend_->isolation();
  vm.limits_enforced = backend_->enforced();
  vm.limits_enforced.disk_watched = !vm.limits_enforced.disk_size_gb;
}

SandboxPtr Service::enter(SandboxId id, VmCreate spec) {
  Record record;
  auto& vm = record.vm;
  vm.vm_id = id;
  vm.status = VmStatus::creating;
  note_backend(vm);
  vm.image = spec.image.value_or(kDefaultImage);
  vm.limits = spec.limits;
  vm.network_mode = spec.network_mode;
  vm.labels = std::move(spec.labels);
  vm.user_id = std::move(spec.user_id);
  // Whoever asks for a sandbox of their own is whom it speaks for, from its beginning and for its whole life.
  // A pool's learns that later.
  if (vm.user_id) record.binding = VmBinding{.lease_id = id.value(), .user_id = *vm.user_id};
  vm.created_at = record.used_at = now();
  if (spec.timeout_s) vm.expires_at = vm.created_at + std::chrono::seconds(*spec.timeout_s);
  vm.idle_timeout_s = spec.idle_timeout_s;
  record.env = std::move(spec.env);
  if (spec.image != kDefaultImage) record.image = std::move(spec.image);
  record.command = std::move(spec.command);
  record.container_port = spec.container_port;
  record.egress = std::move(spec.egress);
  record.slot = free_slot();
  record.placeholder_key = "isa-placeholder-" + random_hex(16);
  const SandboxDir dir{folder_ / vm.vm_id.value()};
  if (!record.serves_itself())
    vm.endpoint = VmEndpoint{dir.agent_socket().string(), std::nullopt, std::nullopt};
  return sandboxes_.emplace(id, std::make_shared<Sandbox>(executor_, dir, std::move(record))).first->second;
}

Task<Result<Vm>> Service::create(VmCreate spec, Deadline deadline) {
  ISA_CO_TRYV(admit(spec));
  const auto sandbox = enter(SandboxId::make(), std::move(spec));
  DiscardUnlessKept guard(*this, sandbox);
  co_await bring_up(sandbox, deadline);
  guard.keep();
  if (sandbox->failure) co_return Failure(*sandbox->failure);
  co_return sandbox->record.vm;
}

// Leaves the reason in `failure` when nothing came of it; then nothing of it is left either.
Task<void> Service::bring_up(SandboxPtr sandbox, Deadline deadline) {
  const auto begin = Deadline::Clock::now();
  const auto one_of_few = co_await creating_.acquire();
  const auto turn = co_await sandbox->turn.acquire();
  // Whoever asked may have given up while others had their turns: then it is not worth a start.
  Result<void> launched =
      timeout("the time for sandbox {} was over before its turn came", sandbox->id().value());
  if (!deadline.passed()) launched = co_await launch(sandbox, deadline);
  if (launched) {
    numbers_.created(Deadline::Clock::now() - begin);
    co_return;
  }
  numbers_.failed(launched.error().code());
  log::warn("sandbox.create_failed", {{"sandbox_id", sandbox->id().value()},
                                      {"code", launched.error().code()},
                                      {"message", launched.error().message()},
                                      {"detail", launched.error().detail()}});
  sandbox->failure = std::move(launched).error();
  std::ignore = co_await take_step(sandbox, VmStep::remove);
  std::ignore = co_await destroy(sandbox);
}

Task<Result<Vm>> Service::create_once(SandboxId id, VmCreate spec) {
  ISA_CO_TRYV(admit(spec));
  // Nothing came of an earlier attempt: what is left of it is on its way out, and its turn comes when it is
  // gone.
  if (const auto left = sandboxes_.find(id); left != sandboxes_.end()) {
    const auto earlier = left->second;
    const auto turn = co_await earlier->turn.acquire();
    if (sandboxes_.contains(id))
      co_return service_unavailable(
          "what is left of an earlier attempt to create this sandbox cannot be removed yet; "
          "ask again");
  }
  const auto sandbox = enter(id, std::move(spec));
  sandbox->is_being_made = true;
  tasks_.spawn("cloud_os.create", make(sandbox));
  co_return co_await made(std::move(id));
}

Task<void> Service::make(SandboxPtr sandbox) {
  co_await bring_up(sandbox, Deadline::after(kCreateWithin));
  sandbox->is_being_made = false;
  sandbox->changed.notify();
}

// Not by its status: that changes a moment before it is on disk, and only then it survives.
Task<Result<Vm>> Service::made(SandboxId id) {
  ISA_CO_TRY(const auto sandbox, co_await settled(std::move(id)));
  while (sandbox->is_being_made) co_await sandbox->changed.wait();
  if (sandbox->failure) co_return Failure(*sandbox->failure);
  co_return sandbox->record.vm;
}

Task<Result<Vm>> Service::wait_for(SandboxId id, VmStatus wanted, Deadline deadline) {
  for (;;) {
    ISA_CO_TRY(const auto sandbox, known(id));
    const auto status = sandbox->record.vm.status;
    // Only what is on its way, or may be sent on one by somebody else, is worth waiting for.
    const bool is_over =
        status == VmStatus::failed || (status == VmStatus::stopped && wanted == VmStatus::running);
    if (status == wanted || is_over || deadline.passed()) co_return sandbox->record.vm;
    co_await sandbox->changed.wait(deadline);
  }
}

}  // namespace isa::cloud_os
