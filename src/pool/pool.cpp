#include "pool/pool.h"

#include "base/log.h"

namespace isa::pool {
namespace {

Task<void> drain(Fleet& fleet, InstancePtr instance) {
  const auto id = instance->id;
  if (const auto drained = co_await fleet.drain(std::move(instance)); !drained)
    log::warn("pool.remove_failed", {{"instance_id", id.value()}, {"error", drained.error().message()}});
}

std::int64_t count(std::size_t from) {
  return static_cast<std::int64_t>(from);
}

}  // namespace

Pool::Pool(const Parts& parts, Shape shape, Meters& meters)
    : fleet_(parts.executor, std::move(shape), parts.manager, parts.settings, parts.store, parts.vms,
             parts.clock, meters),
      queue_(parts.executor, [this] { return fleet_.counts().warm; }),
      tasks_(parts.executor),
      refill_(fleet_, queue_, tasks_, parts.settings),
      leases_(fleet_, tasks_, parts.settings),
      acquirer_(fleet_, queue_, refill_, leases_, tasks_, parts.settings),
      reconciler_(fleet_, parts.settings),
      upkeep_(fleet_, leases_, refill_, parts.settings) {}

Task<void> Pool::start() {
  if (const auto passed = co_await reconciler_.pass(); !passed)
    log::warn("pool.reconcile_skipped", {{"pool", fleet_.shape().pool}, {"error", passed.error().message()}});
  tasks_.spawn("pool.refill", refill_.run());
  tasks_.spawn("pool.upkeep", upkeep_.run());
  tasks_.spawn("pool.reconcile", reconciler_.run());
}

Task<void> Pool::stop(Stop what) {
  acquirer_.close();
  co_await tasks_.stop();
  for (const auto& instance : fleet_.all()) {
    instance->is_settling = false;  // Whoever was at it has been stopped.
    if (!fleet_.is_mine(*instance)) continue;
    const bool stays = instance->state == State::leased
                           ? what != Stop::remove_all
                           : instance->state == State::warm && what == Stop::keep_all;
    if (instance->state == State::failed)
      tasks_.spawn("pool.remove", fleet_.settle(instance));
    else if (!stays)
      tasks_.spawn("pool.remove", drain(fleet_, instance));
  }
  co_await tasks_.join();
}

Task<bool> Pool::wait_until_filled(Deadline deadline) {
  const auto is_filled = [this] { return fleet_.counts().warm >= fleet_.shape().warm; };
  while (!is_filled() && !deadline.passed()) {
    // Of a shared store one hears nothing.
    const auto next = fleet_.is_shared() ? deadline.tightened(std::chrono::milliseconds(50)) : deadline;
    co_await fleet_.changed().wait(next);
  }
  co_return is_filled();
}

void Pool::set_draining(bool is_draining) {
  if (acquirer_.is_draining() == is_draining) return;
  acquirer_.set_draining(is_draining);
  log::info(is_draining ? "pool.draining" : "pool.opened", {{"pool", fleet_.shape().pool}});
  if (is_draining) tasks_.spawn("pool.drain", remove_warm(fleet_));
}

Task<void> Pool::remove_warm(Fleet& fleet) {
  for (const auto& instance : fleet.all())
    if (instance->state == State::warm && fleet.is_mine(*instance)) co_await drain(fleet, instance);
}

Task<bool> Pool::wait_until_unleased(Deadline deadline) {
  while (fleet_.count(State::leased) > 0 && !deadline.passed()) co_await fleet_.changed().wait(deadline);
  co_return fleet_.count(State::leased) == 0;
}

PoolStats Pool::stats() const {
  const auto& totals = fleet_.totals();
  const auto counts = fleet_.counts();
  PoolStats stats;
  stats.pool_type = fleet_.shape().pool_type;
  stats.warm_instances = count(counts.warm);
  stats.active_instances = count(counts.leased);
  stats.creating = count(counts.creating);
  stats.leaving = count(counts.leaving + counts.outdated);
  stats.target_warm = count(refill_.target());
  stats.max_instances = count(fleet_.shape().max);
  stats.waiting = count(queue_.size());
  if (!queue_.empty())
    stats.longest_wait_ms = std::chrono::floor<std::chrono::milliseconds>(Deadline::Clock::now() -
                                                                          queue_.tickets().front()->since())
                                .count();
  stats.acquired_total = totals.acquired;
  stats.acquired_warm_total = totals.acquired_warm;
  stats.resumed_total = totals.resumed;
  stats.misses = totals.misses;
  stats.fallbacks = totals.fallbacks;
  stats.refusals = totals.refusals;
  stats.created_total = totals.created;
  stats.destroyed_total = totals.destroyed;
  stats.failed_total = totals.failed;
  stats.expired_total = totals.expired;
  stats.recycled_total = totals.recycled;
  stats.acquires_per_second = refill_.acquires_per_second();
  stats.acquire_ms = totals.waits.in_ms();
  stats.create_ms = totals.creates.in_ms();
  stats.is_draining = acquirer_.is_draining();
  stats.back_off = refill_.back_off();
  stats.last_error = refill_.last_error();
  if (const auto trouble = refill_.trouble(); trouble && !stats.last_error)
    stats.last_error = trouble->message();
  return stats;
}

}  // namespace isa::pool
