#include "pool/fleet.h"

#include "base/log.h"

#include <algorithm>

namespace isa::pool {
namespace {

constexpr std::size_t kLossesMax = 256;
constexpr int kProbeRounds = 3;  // A warm instance that reconcile has not reached in so many is passed over.

}  // namespace

std::optional<net::Endpoint> endpoint_of(const cloud_os::Vm& vm) {
  if (!vm.endpoint) return std::nullopt;
  if (vm.endpoint->unix_) return net::Endpoint::unix_socket(*vm.endpoint->unix_);
  if (vm.endpoint->host && vm.endpoint->port)
    return net::Endpoint::tcp(*vm.endpoint->host, static_cast<std::uint16_t>(*vm.endpoint->port));
  return std::nullopt;
}

Fleet::Fleet(asio::any_io_executor executor, Shape shape, ManagerId manager, const Settings& settings,
             store::PoolStore& store, cloud_os::VmClient& vms, Clock clock, Meters& meters)
    : shape_(std::move(shape)),
      digest_(shape_.digest()),
      manager_(std::move(manager)),
      probe_is_fresh_(settings.reconcile_every * kProbeRounds),
      store_(store),
      vms_(vms),
      clock_(std::move(clock)),
      meters_(meters),
      changed_(std::move(executor)) {}

Task<Result<std::optional<Fleet::Held>>> Fleet::claim(store::Lease lease, Want want) {
  struct UnderWay {
    std::unordered_set<LeaseId>& claims;
    LeaseId id;
    UnderWay(std::unordered_set<LeaseId>& in, const LeaseId& of) : claims(in), id(of) { claims.insert(id); }
    ~UnderWay() { claims.erase(id); }
  } const under_way(claims_, lease.id);
  store::ClaimRequest request;
  request.pool = shape_.pool;
  request.shape = digest_;
  request.manager = manager_;
  request.lease = std::move(lease);
  request.at = now();
  request.probed_since = want == Want::held ? Timestamp::max() : request.at - probe_is_fresh_;
  while (true) {
    ISA_CO_TRY(const auto claimed, co_await store_.claim(request));
    if (!claimed) co_return std::nullopt;
    auto instance = find(claimed->instance.id);
    if (!instance) instance = adopt(claimed->instance);
    follow(*instance, claimed->instance);
    if (instance->state == State::leased) {
      instance->used_at = now();
      Held held{std::move(instance), claimed->is_new};
      co_return held;
    }
    // Given up in memory while the store could not be reached to say so.
    co_await settle(instance);
    if (instance->state != State::destroyed)
      co_return service_unavailable("instance {} is being removed; try again in a moment",
                                    instance->id.value())
          .with_retry_after(std::chrono::seconds(1));
  }
}

bool Fleet::is_heard(const store::PoolInstance& row) const {
  if (!row.lease || claims_.contains(row.lease->id)) return true;
  const auto instance = find(row.id);
  return instance && instance->state != State::warm;
}

Task<Result<void>> Fleet::drain(InstancePtr instance) {
  if (instance->is_settling) co_return ok();  // Somebody ends it already.
  if (instance->state == State::warm || instance->state == State::leased) {
    ISA_CO_TRYV(co_await end(instance, store_.move(instance->id, instance->state, State::draining, now())));
  } else {
    // Given up in memory, perhaps while the store could not be reached to say so.
    const auto row = co_await store_.find(instance->id);
    if (!row && row.error().kind() != ErrorKind::not_found) co_return Failure(row.error());
    if (row && (row->state == State::warm || row->state == State::leased))
      ISA_CO_TRYV(co_await store_.move(row->id, row->state, State::draining, now()));
  }
  co_await settle(std::move(instance));
  co_return ok();
}

Task<Result<void>> Fleet::expire(InstancePtr instance) {
  if (instance->is_settling || instance->state != State::leased) co_return ok();
  ISA_CO_TRYV(co_await end(instance, store_.expire(instance->id, now())));
  ++totals_.expired;
  meters_.expired();
  co_await settle(std::move(instance));
  co_return ok();
}

// Makes the step of a warm or leased instance to draining. Where another pool manager was faster, memory
// follows; that it is over is success all the same.
Task<Result<void>> Fleet::end(InstancePtr instance, Task<Result<store::PoolInstance>> step_in_store) {
  instance->is_settling = true;
  auto moved = co_await std::move(step_in_store);
  if (!moved && moved.error().kind() == ErrorKind::conflict && is_shared()) {
    auto row = co_await store_.find(instance->id);
    if (row) follow(*instance, *row);
    const bool is_over = row ? instance->state != State::warm && instance->state != State::leased
                             : row.error().kind() == ErrorKind::not_found;
    if (is_over) moved = std::move(row);
  }
  instance->is_settling = false;
  if (!moved && moved.error().kind() != ErrorKind::not_found) co_return Failure(std::move(moved).error());
  if (may_step(instance->state, State::draining)) make_step(*instance, State::draining);
  co_return ok();
}

Task<void> Fleet::fail(InstancePtr instance, std::string reason) {
  if (instance->is_settling || (instance->state != State::warm && instance->state != State::leased))
    co_return;
  instance->is_settling = true;
  const auto from = instance->state;
  const auto moved = co_await store_.move(instance->id, from, State::failed, now());
  instance->is_settling = false;
  // Only a claim, or another pool manager, can have come first: then the instance is theirs to judge. When
  // the store cannot be reached, memory alone has to remember that this one is broken.
  if (!moved && moved.error().kind() == ErrorKind::conflict) co_return;
  if (!may_step(instance->state, State::failed)) co_return;
  log::warn("pool.instance_failed", {{"instance_id", instance->id.value()},
                                     {"sandbox_id", instance->sandbox_id.value()},
                                     {"was", json::name_of(from)},
                                     {"reason", reason}});
  if (from == State::leased) {
    remember_loss(instance->id, std::move(reason));
    meters_.lost();
  }
  ++totals_.failed;
  make_step(*instance, State::failed);
  co_await settle(std::move(instance));
}

Task<void> Fleet::settle(InstancePtr instance) {
  if (instance->is_settling || instance->state == State::destroyed) co_return;
  instance->is_settling = true;
  auto removed = co_await remove_sandbox(instance);
  if (removed) removed = co_await store_.remove(instance->id);
  instance->is_settling = false;
  if (!removed) {
    log::warn("pool.remove_failed", {{"instance_id", instance->id.value()},
                                     {"sandbox_id", instance->sandbox_id.value()},
                                     {"error", removed.error().message()}});
    co_return;
  }
  make_step(*instance, State::destroyed);
  ++totals_.destroyed;
  meters_.destroyed();
  forget(*instance);
}

// One that was cut off while it was made may have a sandbox whose id nobody came to know.
Task<Result<void>> Fleet::remove_sandbox(InstancePtr instance) {
  if (!instance->sandbox_id.empty()) co_return co_await vms_.remove(instance->sandbox_id);
  std::map<std::string, std::string> labels;
  labels.emplace(kInstanceLabel, instance->id.value());
  ISA_CO_TRY(const auto vms, co_await vms_.list(std::move(labels)));
  for (const auto& vm : vms) ISA_CO_TRYV(co_await vms_.remove(vm.vm_id));
  co_return ok();
}

InstancePtr Fleet::adopt(const store::PoolInstance& row, const cloud_os::Vm* vm) {
  auto instance = std::make_shared<Instance>();
  instance->id = row.id;
  instance->sandbox_id = row.sandbox_id;
  // What has no place among the living is only there to be removed.
  const bool lives = row.state == State::warm || row.state == State::leased || row.state == State::draining;
  instance->state = lives ? row.state : State::failed;
  instance->manager = row.manager;
  instance->shape = row.shape;
  instance->is_adopted = true;
  instance->may_be_limited = row.state == State::leased;
  instance->lease = row.lease;
  instance->created_at = row.created_at;
  instance->used_at = row.lease ? row.lease->acquired_at : row.changed_at;
  if (const auto at = vm ? endpoint_of(*vm) : std::nullopt) {
    instance->endpoint = *at;
  } else if (auto parsed = net::Endpoint::parse_listen(row.endpoint)) {
    instance->endpoint = *std::move(parsed);
  }
  enter(instance);
  if (row.state == State::leased && row.lease) by_session_[row.lease->session_id] = instance;
  return instance;
}

void Fleet::follow(Instance& instance, const store::PoolInstance& row) {
  if (instance.manager != row.manager) {
    count_step(instance, instance.state, -1);
    instance.manager = row.manager;
    count_step(instance, instance.state, +1);
  }
  if (instance.lease && row.lease) instance.lease->expires_at = row.lease->expires_at;
  if (instance.state == row.state) return;
  if (instance.state == State::warm && row.state == State::leased && row.lease)
    lease_to(find(instance.id), *row.lease);
  else if (may_step(instance.state, row.state) && row.state != State::destroyed && row.state != State::warm)
    make_step(instance, row.state);
}

Task<void> Fleet::drop(InstancePtr instance) {
  const auto row = co_await store_.find(instance->id);
  if (!row && row.error().kind() != ErrorKind::not_found) co_return;  // Reconcile looks again.
  if (find(instance->id) != instance || instance->is_settling) co_return;
  if (row) follow(*instance, *row);
  if (!is_mine(*instance)) {
    forget(*instance);
  } else if (!row) {
    // The row is removed last, but a store may also lose it: the sandbox is ours to remove.
    if (may_step(instance->state, State::failed)) make_step(*instance, State::failed);
    co_await settle(instance);
  }
}

void Fleet::lease_to(const InstancePtr& instance, const store::Lease& lease) {
  instance->lease = lease;
  instance->used_at = lease.acquired_at;  // To hear of a lease is no use of it.
  by_session_[lease.session_id] = instance;
  make_step(*instance, State::leased);
}

InstancePtr Fleet::find(const InstanceId& id) const {
  const auto found = instances_.find(id);
  return found == instances_.end() ? nullptr : found->second;
}

Task<Result<InstancePtr>> Fleet::fetch(InstanceId id) {
  const auto known = find(id);
  // One lease in its life: whose that is, is no news. That there is none yet may be out of date.
  const bool may_be_leased = known && (known->state == State::creating || known->state == State::warm);
  if (!is_shared() || (known && !may_be_leased)) co_return known;
  const auto row = co_await store_.find(id);
  if (!row && row.error().kind() == ErrorKind::not_found) co_return nullptr;
  if (!row) co_return Failure(row.error());
  if (row->pool != shape_.pool) co_return nullptr;
  auto instance = find(id);  // Perhaps by now.
  if (!instance && row->state == State::creating) {
    // Its maker's. It is shown and not kept: memory would take it for given up.
    instance = std::make_shared<Instance>();
    instance->id = row->id;
    instance->manager = row->manager;
    instance->shape = row->shape;
    instance->created_at = row->created_at;
    co_return instance;
  }
  if (!instance) co_return adopt(*row);
  follow(*instance, *row);
  co_return instance;
}

InstancePtr Fleet::find_session(const SessionId& session) const {
  const auto found = by_session_.find(session);
  return found == by_session_.end() || found->second->is_settling ? nullptr : found->second;
}

Task<Result<InstancePtr>> Fleet::leased(InstanceId id, std::optional<std::int64_t> fencing_token) {
  ISA_CO_TRY(const auto instance, co_await fetch(id));
  if (!instance || instance->state != State::leased || instance->is_settling) {
    const auto lost = std::ranges::find(losses_, id, &std::pair<InstanceId, std::string>::first);
    if (lost == losses_.end())
      co_return not_found("instance {} holds no lease (released, expired or never given); acquire one",
                          id.value());
    co_return not_found("instance {} was lost: {}; acquire another", id.value(), lost->second)
        .with_code("lease_lost");
  }
  if (fencing_token && *fencing_token != instance->lease->fencing_token)
    co_return conflict("fencing token {} of instance {} is stale; acquire again", *fencing_token, id.value());
  co_return instance;
}

std::vector<InstancePtr> Fleet::all() const {
  std::vector<InstancePtr> list;
  list.reserve(instances_.size());
  for (const auto& [id, instance] : instances_) list.push_back(instance);
  std::ranges::sort(list, {}, &Instance::id);  // Ids grow with time.
  return list;
}

store::PoolCounts Fleet::counts() const {
  if (is_shared()) return seen_;
  return {.creating = count(State::creating),
          .warm = count(State::warm) - outdated_,
          .outdated = outdated_,
          .leased = count(State::leased),
          .leaving = count(State::draining) + count(State::failed)};
}

Task<Result<void>> Fleet::look() {
  if (is_shared()) {
    ISA_CO_TRY(seen_, co_await store_.counts(shape_.pool, digest_));
  }
  co_return ok();
}

void Fleet::reshape(Shape shape) {
  shape_ = std::move(shape);
  digest_ = shape_.digest();
  outdated_ = static_cast<std::size_t>(std::ranges::count_if(instances_, [&](const auto& entry) {
    const auto& instance = *entry.second;
    return instance.state == State::warm && is_mine(instance) && instance.shape != digest_;
  }));
  changed_.notify();
}

void Fleet::make_step(Instance& instance, State to) {
  const auto from = instance.state;
  count_step(instance, from, -1);
  step(instance, to);
  count_step(instance, to, +1);
  if (from == State::leased && instance.lease) {
    const auto held = by_session_.find(instance.lease->session_id);
    if (held != by_session_.end() && held->second->id == instance.id) by_session_.erase(held);
  }
  changed_.notify();
}

void Fleet::enter(const InstancePtr& instance) {
  instances_.emplace(instance->id, instance);
  count_step(*instance, instance->state, +1);
  changed_.notify();
}

void Fleet::forget(const Instance& instance) {
  const auto id = instance.id;  // The map may hold the last reference.
  count_step(instance, instance.state, -1);
  if (instance.lease) {
    const auto held = by_session_.find(instance.lease->session_id);
    if (held != by_session_.end() && held->second->id == id) by_session_.erase(held);
  }
  instances_.erase(id);
  changed_.notify();
}

void Fleet::count_step(const Instance& instance, State state, int change) {
  if (!is_mine(instance)) return;
  counts_[static_cast<std::size_t>(state)] += static_cast<std::size_t>(change);
  if (state == State::warm && instance.shape != digest_) outdated_ += static_cast<std::size_t>(change);
  meters_.count(state, change);
}

void Fleet::remember_loss(const InstanceId& id, std::string reason) {
  losses_.emplace_front(id, std::move(reason));
  if (losses_.size() > kLossesMax) losses_.pop_back();
}

}  // namespace isa::pool
