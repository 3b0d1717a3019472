#include "pool/upkeep.h"

#include "base/log.h"

namespace isa::pool {

Upkeep::Upkeep(Fleet& fleet, Leases& leases, const Refill& refill, const Settings& settings)
    : fleet_(fleet),
      leases_(leases),
      refill_(refill),
      every_(settings.sweep_every),
      warm_max_age_(settings.warm_max_age) {}

Task<void> Upkeep::run() {
  while (true) {
    co_await sleep_for(every_);
    co_await leases_.sweep();
    co_await recycle();
  }
}

Task<void> Upkeep::recycle() {
  for (const auto& instance : fleet_.all())
    if (instance->state == State::warm && fleet_.is_mine(*instance) && instance->shape != fleet_.digest())
      co_await give_up(instance, "its shape is not the pool's any more");
  if (const auto old = too_old())
    co_await give_up(old, "it is old");
  else if (const auto extra = too_many())
    co_await give_up(extra, "there are more than needed");
}

InstancePtr Upkeep::too_old() const {
  for (const auto& instance : fleet_.all())
    if (instance->state == State::warm && fleet_.is_mine(*instance) &&
        fleet_.now() - instance->created_at > warm_max_age_)
      return instance;
  return nullptr;
}

InstancePtr Upkeep::too_many() const {
  if (fleet_.counts().warm <= refill_.target()) return nullptr;
  for (const auto& instance : fleet_.all())
    if (instance->state == State::warm && fleet_.is_mine(*instance)) return instance;
  return nullptr;
}

Task<void> Upkeep::give_up(InstancePtr instance, std::string_view why) {
  const auto id = instance->id;
  const auto drained = co_await fleet_.drain(instance);
  if (!drained) {
    // A claim may have been faster.
    if (drained.error().kind() != ErrorKind::conflict)
      log::warn("pool.remove_failed", {{"instance_id", id.value()}, {"error", drained.error().message()}});
    co_return;
  }
  ++fleet_.totals().recycled;
  fleet_.meters().recycled();
  log::info("pool.recycled", {{"instance_id", id.value()}, {"reason", std::string(why)}});
}

}  // namespace isa::pool
