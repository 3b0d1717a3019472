// Pausing, resuming and what a sandbox uses.
#include "base/log.h"
#include "base/offload.h"
#include "cloud_os/service.h"

namespace isa::cloud_os {

Result<void> Service::must_be_able_to_pause() const {
  if (backend_->capabilities().pause) return ok();
  return not_implemented("the backend {} cannot pause sandboxes on this host", backend_->name());
}

Task<Result<Vm>> Service::pause(SandboxId id) {
  ISA_CO_TRY(const auto sandbox, known(id));
  ISA_CO_TRYV(must_be_able_to_pause());
  const auto turn = co_await sandbox->turn.acquire();
  if (sandbox->record.vm.status == VmStatus::paused) co_return sandbox->record.vm;
  ISA_CO_TRYV(next_status(sandbox->record.vm.status, VmStep::pause));
  const auto stop = [this, dir = sandbox->dir] { return backend_->pause(dir); };
  ISA_CO_TRYV(co_await offload<void>(workers_, stop));
  sandbox->record.paused_at = now();
  sandbox->record.used_at = sandbox->used_at;
  if (auto stepped = co_await take_step(sandbox, VmStep::pause); !stepped) {
    // The record says that it runs: so it shall.
    const auto go_on = [this, dir = sandbox->dir] { return backend_->resume(dir); };
    std::ignore = co_await offload<void>(workers_, go_on);
    sandbox->record.vm.status = VmStatus::running;
    sandbox->record.paused_at.reset();
    co_return Failure(std::move(stepped).error());
  }
  co_return sandbox->record.vm;
}

Task<Result<Vm>> Service::resume(SandboxId id) {
  ISA_CO_TRY(const auto sandbox, known(id));
  ISA_CO_TRYV(must_be_able_to_pause());
  const auto turn = co_await sandbox->turn.acquire();
  if (sandbox->record.vm.status == VmStatus::running) co_return sandbox->record.vm;
  ISA_CO_TRYV(next_status(sandbox->record.vm.status, VmStep::resume));
  // First on disk: a server that dies in between finds a running sandbox that stands still, and sets it
  // going.
  auto& record = sandbox->record;
  const auto stood_for = now() - record.paused_at.value_or(now());
  if (record.vm.expires_at) *record.vm.expires_at += stood_for;
  record.paused_at.reset();
  record.used_at = sandbox->used_at = now();
  ISA_CO_TRYV(co_await take_step(sandbox, VmStep::resume));
  const auto go_on = [this, dir = sandbox->dir] { return backend_->resume(dir); };
  ISA_CO_TRYV(co_await offload<void>(workers_, go_on));
  co_return sandbox->record.vm;
}

Task<Result<VmStats>> Service::stats(SandboxId id) {
  ISA_CO_TRY(const auto sandbox, known(id));
  const auto status = sandbox->record.vm.status;
  if (status != VmStatus::running && status != VmStatus::paused)
    co_return conflict("sandbox {} is {}; only a running or a paused one uses anything", id.value(),
                       json::name_of(status))
        .with_code("sandbox_not_running");
  const auto look = [this, dir = sandbox->dir]() -> Result<VmStats> {
    ISA_TRY(auto stats, backend_->stats(dir));
    stats.disk_bytes = stats.disk_bytes.value_or(0) + measure_disk(dir.workspace()).bytes;
    stats.disk_measured_at = now();
    return stats;
  };
  co_return co_await offload<VmStats>(workers_, look);
}

}  // namespace isa::cloud_os
