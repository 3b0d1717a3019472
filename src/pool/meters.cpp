#include "pool/meters.h"

namespace isa::pool {
namespace {

const std::vector<double> kAcquireBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25,
                                            0.5,   1,      2.5,   5,    10,    30,   60};

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

}  // namespace

Meters::Meters(net::Metrics& metrics, const std::string& type)
    : metrics_(metrics),
      type_(type),
      target_(metrics.gauge("isa_pool_target_warm", "Warm sandboxes that the pool wants to keep.",
                            {{"pool", type}})),
      waiting_(metrics.gauge("isa_pool_waiting", "Callers that wait for a sandbox.", {{"pool", type}})),
      acquire_warm_(
          metrics.histogram("isa_pool_acquire_seconds",
                            "Time from asking for a sandbox until it is bound, by how it was started.",
                            kAcquireBounds, {{"pool", type}, {"start", "warm"}})),
      acquire_cold_(
          metrics.histogram("isa_pool_acquire_seconds",
                            "Time from asking for a sandbox until it is bound, by how it was started.",
                            kAcquireBounds, {{"pool", type}, {"start", "cold"}})),
      create_(metrics.histogram("isa_pool_create_seconds", "Time to make a sandbox that can be claimed.",
                                kAcquireBounds, {{"pool", type}})),
      created_(metrics.counter("isa_pool_created_total", "Sandboxes made for the pool.", {{"pool", type}})),
      create_failed_(metrics.counter("isa_pool_create_failures_total", "Sandboxes that could not be made.",
                                     {{"pool", type}})),
      destroyed_(metrics.counter("isa_pool_destroyed_total", "Sandboxes of the pool that were removed.",
                                 {{"pool", type}})),
      expired_(metrics.counter("isa_pool_leases_expired_total", "Leases that ended because nobody used them.",
                               {{"pool", type}})),
      recycled_(metrics.counter("isa_pool_recycled_total",
                                "Warm sandboxes replaced for their age or shape, or given up as too many.",
                                {{"pool", type}})),
      lost_(metrics.counter("isa_pool_leases_lost_total", "Leases that ended because their sandbox died.",
                            {{"pool", type}})),
      orphans_(metrics.counter("isa_pool_orphans_removed_total",
                               "Sandboxes removed because no record of them was left.", {{"pool", type}})) {
  for (const auto state :
       {store::InstanceState::creating, store::InstanceState::warm, store::InstanceState::leased,
        store::InstanceState::draining, store::InstanceState::failed})
    instances_.emplace(
        state, metrics.gauge("isa_pool_instances", "Sandboxes that this pool manager looks after, by state.",
                             {{"pool", type}, {"state", std::string(json::name_of(state))}}));
}

void Meters::count(store::InstanceState state, int change) {
  if (const auto found = instances_.find(state); found != instances_.end()) found->second.add(change);
}

net::Counter& Meters::outcome(const std::string& outcome, std::string_view reason) {
  const auto key = fmt::format("{}/{}", outcome, reason);
  if (const auto known = outcomes_.find(key); known != outcomes_.end()) return known->second;
  auto counter = metrics_.counter("isa_pool_acquires_total",
                                  "Requests for a sandbox by outcome (hit, miss, fallback, resumed, refused) "
                                  "and, where it has one, reason.",
                                  {{"pool", type_}, {"outcome", outcome}, {"reason", std::string(reason)}});
  return outcomes_.emplace(key, counter).first->second;
}

void Meters::hit(std::chrono::nanoseconds took) {
  outcome("hit", "").add();
  acquire_warm_.observe(seconds(took));
}
void Meters::cold(std::chrono::nanoseconds took) {
  acquire_cold_.observe(seconds(took));
}
void Meters::resumed() {
  outcome("resumed", "").add();
}
void Meters::miss(Miss why) {
  outcome("miss", json::name_of(why)).add();
}
void Meters::fallback(Fallback why) {
  outcome("fallback", json::name_of(why)).add();
}
void Meters::refuse(Refusal why) {
  outcome("refused", json::name_of(why)).add();
}
void Meters::created(std::chrono::nanoseconds took) {
  created_.add();
  create_.observe(seconds(took));
}
void Meters::create_failed() {
  create_failed_.add();
}
void Meters::destroyed() {
  destroyed_.add();
}
void Meters::expired() {
  expired_.add();
}
void Meters::recycled() {
  recycled_.add();
}
void Meters::lost() {
  lost_.add();
}
void Meters::orphan_removed() {
  orphans_.add();
}
void Meters::target_changed(double by) {
  target_.add(by);
}
void Meters::waiting_changed(double by) {
  waiting_.add(by);
}

}  // namespace isa::pool
