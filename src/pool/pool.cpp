#include "pool/pool.h"

#include "base/log.h"

namespace isa::pool {

Pool::Pool(asio::any_io_executor executor, Shape shape, const Settings& settings, store::PoolStore& store,
           cloud_os::VmClient& vms, Clock clock)
    : fleet_(executor, std::move(shape), store, vms, std::move(clock)),
      queue_(executor, [this] { return fleet_.count(State::warm); }),
      tasks_(executor),
      refill_(fleet_, queue_, tasks_, settings),
      acquirer_(fleet_, queue_, refill_, tasks_, settings),
      leases_(fleet_, tasks_, settings),
      reconciler_(fleet_, settings) {}

Task<void> Pool::start() {
  if (const auto passed = co_await reconciler_.pass(); !passed)
    log::warn("pool.reconcile_skipped",
              {{"pool_type", fleet_.shape().pool_type}, {"error", passed.error().message()}});
  tasks_.spawn("pool.refill", refill_.run());
  tasks_.spawn("pool.sweep", leases_.run());
  tasks_.spawn("pool.reconcile", reconciler_.run());
}

Task<void> Pool::stop(bool remove_leased) {
  acquirer_.close();
  co_await tasks_.stop();
  const auto drain = [](Fleet& fleet, InstancePtr instance) -> Task<void> {
    if (const auto drained = co_await fleet.drain(instance); !drained)
      log::warn("pool.remove_failed",
                {{"instance_id", instance->id.value()}, {"error", drained.error().message()}});
  };
  for (const auto& instance : fleet_.all()) {
    instance->is_settling = false;  // Whoever was at it has been stopped.
    if (instance->state == State::failed)
      tasks_.spawn("pool.remove", fleet_.settle(instance));
    else if (instance->state != State::leased || remove_leased)
      tasks_.spawn("pool.remove", drain(fleet_, instance));
  }
  co_await tasks_.join();
}

Task<bool> Pool::wait_until_filled(Deadline deadline) {
  const auto is_filled = [this] { return fleet_.count(State::warm) >= fleet_.shape().warm; };
  while (!is_filled() && !deadline.passed()) co_await fleet_.changed().wait(deadline);
  co_return is_filled();
}

PoolStats Pool::stats() {
  const auto& totals = fleet_.totals();
  PoolStats stats;
  stats.pool_type = fleet_.shape().pool_type;
  stats.warm_instances = static_cast<std::int64_t>(fleet_.count(State::warm));
  stats.active_instances = static_cast<std::int64_t>(fleet_.count(State::leased));
  stats.creating = static_cast<std::int64_t>(fleet_.count(State::creating));
  stats.target_warm = static_cast<std::int64_t>(fleet_.shape().warm);
  stats.max_instances = static_cast<std::int64_t>(fleet_.shape().max);
  stats.waiting = static_cast<std::int64_t>(queue_.size());
  stats.acquired_total = totals.acquired;
  stats.acquired_warm_total = totals.acquired_warm;
  stats.created_total = totals.created;
  stats.destroyed_total = totals.destroyed;
  stats.failed_total = totals.failed;
  stats.acquire_ms = totals.waits.in_ms();
  stats.last_error = refill_.last_error();
  return stats;
}

}  // namespace isa::pool
