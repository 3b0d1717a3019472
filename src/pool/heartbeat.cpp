#include "pool/heartbeat.h"

#include "base/log.h"

namespace isa::pool {

Heartbeat::Heartbeat(store::PoolStore& store, ManagerId manager, const Settings& settings, Clock clock)
    : store_(store), manager_(std::move(manager)), ttl_(settings.manager_ttl), clock_(std::move(clock)) {}

Task<void> Heartbeat::beat() {
  if (const auto beaten = co_await store_.beat(manager_, clock_() + ttl_); !beaten)
    log::warn("pool.heartbeat_failed", {{"error", beaten.error().message()}});
}

Task<void> Heartbeat::run() {
  while (true) {
    co_await sleep_for(ttl_ / 4);
    co_await beat();
  }
}

Task<void> Heartbeat::leave() {
  if (const auto left = co_await store_.leave(manager_); !left)
    log::warn("pool.heartbeat_failed", {{"error", left.error().message()}});
}

Task<bool> Heartbeat::are_others_there() {
  auto alive = co_await store_.managers(clock_());
  if (!alive) co_return false;
  alive->erase(manager_);
  co_return !alive->empty();
}

}  // namespace isa::pool
