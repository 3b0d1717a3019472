#include "pool/reconcile.h"

#include "base/log.h"

#include <unordered_map>

namespace isa::pool {
namespace {

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

Findings compare(const Evidence& e) {
  std::unordered_map<SandboxId, const cloud_os::Vm*> unknown;
  for (const auto& vm : e.vms) unknown.emplace(vm.vm_id, &vm);

  Findings findings;
  std::set<std::string> in_the_making;
  for (const auto& row : e.rows) {
    if (row.state == State::creating) in_the_making.insert(row.id.value());
    const auto found = unknown.find(row.sandbox_id);
    const auto* vm = found == unknown.end() ? nullptr : found->second;
    if (found != unknown.end()) unknown.erase(found);
    if (row.manager != e.manager && e.managers.contains(row.manager))
      findings.foreign.push_back(row);
    else if (row.state == State::creating && e.is_in_hand(row.id))
      continue;
    else if (!is_recorded_alive(row.state))
      findings.unfinished.push_back(row);
    else if (vm && runs(*vm))
      findings.alive.push_back({row, *vm});
    else
      findings.lost.push_back({row, reason_of(vm)});
  }
  for (const auto& [id, vm] : unknown) {
    const auto label = vm->labels.find(std::string(kInstanceLabel));
    if (label != vm->labels.end() &&
        (in_the_making.contains(label->second) || e.is_in_hand(InstanceId(label->second))))
      continue;
    if (vm->status != cloud_os::VmStatus::deleted && e.now - vm->created_at > e.grace)
      findings.orphans.push_back(id);
  }
  return findings;
}

Reconciler::Reconciler(Fleet& fleet, const Settings& settings)
    : fleet_(fleet),
      every_(settings.reconcile_every),
      orphan_grace_(settings.orphan_grace),
      manager_ttl_(settings.manager_ttl) {}

Task<void> Reconciler::run() {
  while (true) {
    co_await sleep_for(every_);
    const auto passed = co_await pass();
    if (passed) continue;
    silent_since_.clear();  // Nobody was watched meanwhile.
    log::warn("pool.reconcile_skipped", {{"pool", fleet_.shape().pool}, {"error", passed.error().message()}});
  }
}

Task<Result<void>> Reconciler::pass() {
  std::map<std::string, std::string> labels;
  labels.emplace(kPoolLabel, fleet_.shape().pool);
  Evidence evidence;
  ISA_CO_TRY(evidence.rows, co_await fleet_.store().list(fleet_.shape().pool));
  evidence.now = fleet_.now();
  // Alone on its store, no other manager can live.
  if (fleet_.is_shared()) {
    ISA_CO_TRY(evidence.managers, co_await living(evidence.rows));
  }
  ISA_CO_TRY(evidence.vms, co_await fleet_.vms().list(std::move(labels)));
  evidence.manager = fleet_.manager();
  evidence.grace = orphan_grace_;
  evidence.is_in_hand = [this](const InstanceId& id) { return is_in_hand(id); };
  const auto findings = compare(evidence);

  for (const auto& row : findings.foreign) co_await leave_alone(row.id);
  std::vector<InstanceId> answered;
  for (const auto& match : findings.alive)
    if (co_await take_over(match.row)) co_await look_after(match, answered);
  for (const auto& [row, reason] : findings.lost) {
    if (!co_await take_over(row)) continue;
    if (const auto instance = co_await instance_of(row, nullptr)) co_await fleet_.fail(instance, reason);
  }
  for (const auto& row : findings.unfinished)
    if (co_await take_over(row) && co_await give_up(row)) co_await instance_of(row, nullptr);
  co_await drop_unrecorded(evidence.rows);
  for (const auto& instance : fleet_.all())
    if ((instance->state == State::draining || instance->state == State::failed) && fleet_.is_mine(*instance))
      co_await fleet_.settle(instance);
  co_await remove_orphans(findings.orphans);
  if (answered.empty()) co_return ok();
  co_return co_await fleet_.store().note_probes(std::move(answered), fleet_.now());
}

Task<Result<std::set<ManagerId>>> Reconciler::living(const std::vector<store::PoolInstance>& rows) {
  const auto now = fleet_.now();
  ISA_CO_TRY(auto living, co_await fleet_.store().managers(now));
  std::map<ManagerId, Timestamp> silent;
  for (const auto& row : rows) {
    if (row.manager == fleet_.manager() || living.contains(row.manager)) continue;
    const auto known = silent_since_.find(row.manager);
    silent.emplace(row.manager, known == silent_since_.end() ? now : known->second);
  }
  silent_since_ = std::move(silent);
  for (const auto& [manager, since] : silent_since_)
    if (now - since < manager_ttl_) living.insert(manager);
  co_return living;
}

Task<bool> Reconciler::take_over(const store::PoolInstance& row) {
  if (row.manager == fleet_.manager()) co_return true;
  const auto adopted = co_await fleet_.store().adopt(row.id, row.manager, fleet_.manager());
  if (!adopted) co_return false;
  log::info("pool.taken_over", {{"instance_id", row.id.value()}, {"from", row.manager.value()}});
  if (const auto known = fleet_.find(row.id)) fleet_.follow(*known, *adopted);
  co_return true;
}

Task<bool> Reconciler::give_up(const store::PoolInstance& row) {
  if (row.state != State::creating) co_return true;
  const auto moved = co_await fleet_.store().move(row.id, State::creating, State::failed, fleet_.now());
  co_return moved.has_value();  // Else the next pass sees what became of it.
}

Task<void> Reconciler::leave_alone(InstanceId id) {
  const auto instance = fleet_.find(id);
  if (!instance) co_return;
  const auto row = co_await fleet_.store().find(id);
  if (!row) co_return;  // What the store has lost is dropped later in the pass, or in the next one.
  if (fleet_.find(id) != instance || instance->is_settling || instance->state == State::creating) co_return;
  fleet_.follow(*instance, *row);
  if (!fleet_.is_mine(*instance) && instance->open_streams == 0) fleet_.forget(*instance);
}

Task<void> Reconciler::look_after(Findings::Match match, std::vector<InstanceId>& answered) {
  const auto endpoint = endpoint_of(match.vm);
  // Before it is known: a warm one must answer before anybody gets it.
  auto healthy = ok();
  if (endpoint)
    healthy = co_await fleet_.runtime().probe(*endpoint, Deadline::after(kProbeWithin));
  else
    healthy = internal_error("it has no endpoint");
  if (match.row.manager == fleet_.manager() && co_await ended_unheard(match.row)) co_return;
  const auto instance = co_await instance_of(match.row, &match.vm);
  if (!instance) co_return;
  instance->failed_probes = healthy ? 0 : instance->failed_probes + 1;
  if (healthy) {
    answered.push_back(instance->id);
    co_return;
  }
  if (instance->state == State::leased && instance->failed_probes < kFailedProbesOfLeased) co_return;
  co_await fleet_.fail(instance, "its runtime does not answer: " + healthy.error().message());
}

Task<bool> Reconciler::ended_unheard(const store::PoolInstance& row) {
  if (row.state != State::leased || fleet_.is_heard(row)) co_return false;
  const auto current = co_await fleet_.store().find(row.id);
  if (!current || current->state != State::leased || fleet_.is_heard(*current)) co_return false;
  log::warn("pool.lease_unheard", {{"instance_id", row.id.value()}});
  auto instance = fleet_.find(row.id);
  if (!instance) instance = fleet_.adopt(*current);
  fleet_.follow(*instance, *current);
  // What cannot be ended now ends with its lease.
  static_cast<void>(co_await fleet_.drain(instance));
  co_return true;
}

// What memory holds and no row: the store has lost it, or another pool manager has removed it.
Task<void> Reconciler::drop_unrecorded(const std::vector<store::PoolInstance>& rows) {
  std::set<InstanceId> recorded;
  for (const auto& row : rows) recorded.insert(row.id);
  for (const auto& instance : fleet_.all()) {
    if (recorded.contains(instance->id) || instance->is_settling) continue;
    if (instance->state != State::creating) co_await fleet_.drop(instance);
  }
}

Task<void> Reconciler::remove_orphans(const std::vector<SandboxId>& orphans) {
  for (const auto& id : orphans) {
    log::warn("pool.orphan_removed", {{"sandbox_id", id.value()}});
    if (const auto removed = co_await fleet_.vms().remove(id); removed)
      fleet_.meters().orphan_removed();
    else
      log::warn("pool.remove_failed", {{"sandbox_id", id.value()}, {"error", removed.error().message()}});
  }
}

Task<InstancePtr> Reconciler::instance_of(store::PoolInstance row, const cloud_os::Vm* vm) {
  if (auto known = fleet_.find(row.id)) {
    // Another pool manager may have changed it; what is older than our own steps is no news.
    if (fleet_.is_shared() && row.state != known->state) {
      const auto newer = co_await fleet_.store().find(row.id);
      if (newer) fleet_.follow(*known, *newer);
    }
    co_return known;
  }
  const auto current = co_await fleet_.store().find(row.id);
  if (!current || current->manager != fleet_.manager()) co_return nullptr;
  if (auto known = fleet_.find(row.id)) co_return known;  // A claim found it meanwhile.
  co_return fleet_.adopt(*current, vm);
}

bool Reconciler::is_in_hand(const InstanceId& id) const {
  return fleet_.find(id) != nullptr;
}

}  // namespace isa::pool
