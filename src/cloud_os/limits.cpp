// The limits of the run that is on in a sandbox. Its broker holds them; its record keeps them and what was
// used, so that they hold after a restart, too.
#include "base/log.h"
#include "cloud_os/service.h"

namespace isa::cloud_os {

Task<Result<void>> Service::allow(SandboxId id, VmAllowance allowance) {
  if (allowance.run_id.empty()) co_return validation_error("an allowance is for a run").with_param("/run_id");
  ISA_CO_TRY(const auto sandbox, co_await settled(std::move(id)));
  const auto turn = co_await sandbox->turn.acquire();
  if (sandbox->record.vm.status != VmStatus::running || !sandbox->broker)
    co_return conflict("sandbox {} is {} and can hold no limits of a run", sandbox->id().value(),
                       json::name_of(sandbox->record.vm.status));
  auto& tally = sandbox->broker->tally();
  tally.allow(std::move(allowance));
  auto kept = tally.kept();
  if (!kept && !sandbox->record.allotment) co_return ok();
  sandbox->record.allotment = std::move(kept);
  co_return co_await persist(sandbox);
}

Task<Result<VmModelUse>> Service::settle(SandboxId id, RunId run) {
  ISA_CO_TRY(const auto sandbox, co_await settled(std::move(id)));
  if (!sandbox->broker) {
    Tally last;
    if (sandbox->record.allotment) last.restore(*sandbox->record.allotment);
    co_return last.settle(run);
  }
  auto use = sandbox->broker->tally().settle(run);
  // Until that is on disk the record has the limits as they were, which is no harm.
  if (use && sandbox->broker->tally().is_limited()) keep_count(sandbox);
  co_return use;
}

// One write at a time, with the latest: what comes while it waits its turn goes with it.
void Service::keep_count(const SandboxPtr& sandbox) {
  if (!std::exchange(sandbox->is_count_kept, false) || is_stopping_) return;
  tasks_.spawn("cloud_os.keep_allotment", keep_allotment(sandbox));
}

Task<void> Service::keep_allotment(SandboxPtr sandbox) {
  const auto turn = co_await sandbox->turn.acquire();
  sandbox->is_count_kept = true;
  if (!sandbox->broker || sandbox->record.vm.status == VmStatus::deleted) co_return;
  sandbox->record.allotment = sandbox->broker->tally().kept();
  if (const auto saved = co_await persist(sandbox); !saved)
    log::warn("sandbox.allotment_not_kept",
              {{"sandbox_id", sandbox->id().value()}, {"message", saved.error().message()}});
}

}  // namespace isa::cloud_os
