#include "pool/reconcile.h"

#include "base/log.h"

#include <unordered_map>

namespace isa::pool {
namespace {

constexpr auto kProbeWithin = std::chrono::seconds(2);
// A leased sandbox may be too busy to answer once.
constexpr int kFailedProbesOfLeased = 2;

bool runs(const cloud_os::Vm& vm) {
  using cloud_os::VmStatus;
  return vm.status == VmStatus::running || vm.status == VmStatus::paused || vm.status == VmStatus::creating;
}

bool is_recorded_alive(State state) {
  return state == State::warm || state == State::leased;
}

std::string reason_of(const cloud_os::Vm* vm) {
  if (!vm) return "its sandbox is gone";
  if (vm->exit) return "its sandbox ended: " + vm->exit->reason;
  return fmt::format("its sandbox is {}", json::name_of(vm->status));
}

}  // namespace

Findings compare(const std::vector<store::PoolInstance>& rows, const std::vector<cloud_os::Vm>& vms,
                 Timestamp now, std::chrono::milliseconds grace,
                 const std::function<bool(const std::string&)>& is_in_hand) {
  std::unordered_map<SandboxId, const cloud_os::Vm*> unknown;
  for (const auto& vm : vms) unknown.emplace(vm.vm_id, &vm);

  Findings findings;
  for (const auto& row : rows) {
    const auto found = unknown.find(row.sandbox_id);
    const auto* vm = found == unknown.end() ? nullptr : found->second;
    if (found != unknown.end()) unknown.erase(found);
    if (!is_recorded_alive(row.state))
      findings.unfinished.push_back(row);
    else if (vm && runs(*vm))
      findings.alive.push_back({row, *vm});
    else
      findings.lost.push_back({row, reason_of(vm)});
  }
  for (const auto& [id, vm] : unknown) {
    const auto label = vm->labels.find(std::string(kInstanceLabel));
    if (label != vm->labels.end() && is_in_hand(label->second)) continue;
    if (vm->status != cloud_os::VmStatus::deleted && now - vm->created_at > grace)
      findings.orphans.push_back(id);
  }
  return findings;
}

Reconciler::Reconciler(Fleet& fleet, const Settings& settings)
    : fleet_(fleet), every_(settings.reconcile_every), orphan_grace_(settings.orphan_grace) {}

Task<void> Reconciler::run() {
  while (true) {
    co_await sleep_for(every_);
    if (const auto passed = co_await pass(); !passed)
      log::warn("pool.reconcile_skipped",
                {{"pool_type", fleet_.shape().pool_type}, {"error", passed.error().message()}});
  }
}

Task<Result<void>> Reconciler::pass() {
  std::map<std::string, std::string> labels;
  labels.emplace(kPoolLabel, fleet_.shape().pool_type);
  ISA_CO_TRY(const auto rows, co_await fleet_.store().list(fleet_.shape().pool_type));
  ISA_CO_TRY(const auto vms, co_await fleet_.vms().list(std::move(labels)));
  const auto findings = compare(rows, vms, fleet_.now(), orphan_grace_,
                                [this](const std::string& id) { return is_in_hand(id); });

  for (const auto& match : findings.alive) co_await look_after(match);
  for (const auto& [row, reason] : findings.lost) {
    if (const auto instance = co_await instance_of(row, nullptr)) co_await fleet_.fail(instance, reason);
  }
  for (const auto& row : findings.unfinished) co_await instance_of(row, nullptr);
  for (const auto& instance : fleet_.all())
    if (instance->state == State::draining || instance->state == State::failed)
      co_await fleet_.settle(instance);
  for (const auto& id : findings.orphans) {
    log::warn("pool.orphan_removed", {{"sandbox_id", id.value()}});
    if (const auto removed = co_await fleet_.vms().remove(id); !removed)
      log::warn("pool.remove_failed", {{"sandbox_id", id.value()}, {"error", removed.error().message()}});
  }
  co_return ok();
}

Task<void> Reconciler::look_after(Findings::Match match) {
  const auto endpoint = endpoint_of(match.vm);
  // Before it is known: a warm one must answer before anybody gets it.
  auto healthy = ok();
  if (endpoint)
    healthy = co_await fleet_.runtime().probe(*endpoint, Deadline::after(kProbeWithin));
  else
    healthy = internal_error("it has no endpoint");
  const auto instance = co_await instance_of(match.row, &match.vm);
  if (!instance) co_return;
  instance->failed_probes = healthy ? 0 : instance->failed_probes + 1;
  if (healthy || (instance->state == State::leased && instance->failed_probes < kFailedProbesOfLeased))
    co_return;
  co_await fleet_.fail(instance, "its runtime does not answer: " + healthy.error().message());
}

Task<InstancePtr> Reconciler::instance_of(store::PoolInstance row, const cloud_os::Vm* vm) {
  if (auto known = fleet_.find(row.id)) co_return known;
  const auto current = co_await fleet_.store().find(row.id);
  if (!current) co_return nullptr;
  if (auto known = fleet_.find(row.id)) co_return known;  // A claim found it meanwhile.
  co_return fleet_.adopt(*current, vm);
}

bool Reconciler::is_in_hand(const std::string& instance_id) const {
  return fleet_.find(InstanceId(instance_id)) != nullptr;
}

}  // namespace isa::pool
