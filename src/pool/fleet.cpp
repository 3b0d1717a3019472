#include "pool/fleet.h"

#include "base/log.h"

#include <algorithm>

namespace isa::pool {
namespace {

constexpr std::size_t kLossesMax = 256;

}  // namespace

std::optional<net::Endpoint> endpoint_of(const cloud_os::Vm& vm) {
  if (!vm.endpoint) return std::nullopt;
  if (vm.endpoint->unix_) return net::Endpoint::unix_socket(*vm.endpoint->unix_);
  if (vm.endpoint->host && vm.endpoint->port)
    return net::Endpoint::tcp(*vm.endpoint->host, static_cast<std::uint16_t>(*vm.endpoint->port));
  return std::nullopt;
}

// An instance that is being made. However the making ends, cancellation included, it is in the books either
// as what it became or not at all.
class Fleet::Creation {
 public:
  explicit Creation(Fleet& fleet) : fleet_(fleet), instance_(std::make_shared<Instance>()) {
    instance_->id = InstanceId::make();
    instance_->created_at = fleet.now();
    fleet.instances_.emplace(instance_->id, instance_);
    ++fleet.counts_[static_cast<std::size_t>(State::creating)];
  }
  Creation(const Creation&) = delete;
  Creation& operator=(const Creation&) = delete;
  ~Creation() {
    if (instance_->state != State::creating) return;
    fleet_.make_step(*instance_, State::failed);
    // Cut off with a sandbox already there: it stays in the books until stop() or reconcile has removed it.
    if (instance_->sandbox_id.empty()) fleet_.forget(*instance_);
  }
  const InstancePtr& instance() const { return instance_; }

 private:
  Fleet& fleet_;
  InstancePtr instance_;
};

Fleet::Fleet(asio::any_io_executor executor, Shape shape, store::PoolStore& store, cloud_os::VmClient& vms,
             Clock clock)
    : shape_(std::move(shape)),
      store_(store),
      vms_(vms),
      clock_(std::move(clock)),
      changed_(std::move(executor)) {}

std::shared_ptr<Fleet::Creation> Fleet::begin_creation() {
  return std::make_shared<Creation>(*this);
}

Task<Result<void>> Fleet::create(std::shared_ptr<Creation> creation, Deadline deadline) {
  auto made = co_await make(creation->instance(), deadline);
  if (!made) ++totals_.failed;
  co_return made;
}

Task<Result<void>> Fleet::make(InstancePtr instance, Deadline deadline) {
  cloud_os::VmCreate spec;
  spec.limits = shape_.limits;
  spec.labels.emplace(kPoolLabel, shape_.pool_type);
  spec.labels.emplace(kInstanceLabel, instance->id.value());
  ISA_CO_TRY(const auto vm, co_await vms_.create(std::move(spec), deadline));
  instance->sandbox_id = vm.vm_id;

  auto ready = ok();
  if (const auto endpoint = endpoint_of(vm)) {
    instance->endpoint = *endpoint;
    ready = co_await runtime_.probe(*endpoint, deadline);  // Also leaves an open connection for the claim.
  } else {
    ready = internal_error("sandbox {} has no endpoint to reach its runtime", vm.vm_id.value());
  }
  if (ready) {
    store::PoolInstance row;
    row.id = instance->id;
    row.pool_type = shape_.pool_type;
    row.sandbox_id = instance->sandbox_id;
    row.state = State::warm;
    row.created_at = instance->created_at;
    row.changed_at = now();
    ready = co_await store_.add(std::move(row));
  }
  if (!ready) {
    if (const auto removed = co_await vms_.remove(vm.vm_id); removed)
      instance->sandbox_id = {};
    else
      log::warn("pool.remove_failed",
                {{"sandbox_id", vm.vm_id.value()}, {"error", removed.error().message()}});
    co_return ready;
  }
  make_step(*instance, State::warm);
  ++totals_.created;
  co_return ok();
}

Task<Result<InstancePtr>> Fleet::claim(store::Lease lease) {
  while (true) {
    ISA_CO_TRY(const auto row, co_await store_.claim(shape_.pool_type, lease, now()));
    if (!row) co_return nullptr;
    auto instance = find(row->id);
    if (!instance) {
      // A row that reconcile has not seen yet. It is ours now, so find out where it is.
      const auto vm = co_await vms_.find(row->sandbox_id);
      co_return adopt(*row, vm ? &*vm : nullptr);
    }
    if (instance->state == State::warm) {
      instance->lease = row->lease;
      instance->used_at = now();
      by_session_[row->lease->session_id] = instance;
      make_step(*instance, State::leased);
      co_return instance;
    }
    // Given up in memory while the store could not be reached to say so.
    co_await settle(std::move(instance));
  }
}

Task<Result<void>> Fleet::drain(InstancePtr instance) {
  if (instance->is_settling) co_return ok();  // Somebody ends it already.
  if (instance->state == State::warm || instance->state == State::leased) {
    instance->is_settling = true;
    const auto from = instance->state;
    auto moved = co_await store_.move(instance->id, from, State::draining, now());
    instance->is_settling = false;
    if (!moved) co_return Failure(std::move(moved).error());
    make_step(*instance, State::draining);
  }
  co_await settle(std::move(instance));
  co_return ok();
}

Task<void> Fleet::fail(InstancePtr instance, std::string reason) {
  if (instance->is_settling || (instance->state != State::warm && instance->state != State::leased))
    co_return;
  instance->is_settling = true;
  const auto from = instance->state;
  const auto moved = co_await store_.move(instance->id, from, State::failed, now());
  instance->is_settling = false;
  // Only a claim can have come first: then the instance is its owner's to judge. When the store cannot be
  // reached, memory alone has to remember that this one is broken.
  if (!moved && moved.error().kind() == ErrorKind::conflict) co_return;
  log::warn("pool.instance_failed", {{"instance_id", instance->id.value()},
                                     {"sandbox_id", instance->sandbox_id.value()},
                                     {"was", json::name_of(from)},
                                     {"reason", reason}});
  if (from == State::leased) remember_loss(instance->id, std::move(reason));
  ++totals_.failed;
  make_step(*instance, State::failed);
  co_await settle(std::move(instance));
}

Task<void> Fleet::settle(InstancePtr instance) {
  if (instance->is_settling || instance->state == State::destroyed) co_return;
  instance->is_settling = true;
  auto removed = co_await vms_.remove(instance->sandbox_id);
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
  forget(*instance);
}

InstancePtr Fleet::adopt(const store::PoolInstance& row, const cloud_os::Vm* vm) {
  auto instance = std::make_shared<Instance>();
  instance->id = row.id;
  instance->sandbox_id = row.sandbox_id;
  // What has no place among the living is only there to be removed.
  const bool lives = row.state == State::warm || row.state == State::leased || row.state == State::draining;
  instance->state = lives ? row.state : State::failed;
  instance->is_adopted = true;
  instance->lease = row.lease;
  instance->created_at = row.created_at;
  instance->used_at = row.lease ? row.lease->acquired_at : row.changed_at;
  if (vm) instance->endpoint = endpoint_of(*vm).value_or(net::Endpoint{});
  instances_.emplace(row.id, instance);
  ++counts_[static_cast<std::size_t>(instance->state)];
  if (row.state == State::leased && row.lease) by_session_[row.lease->session_id] = instance;
  changed_.notify();
  return instance;
}

InstancePtr Fleet::find(const InstanceId& id) const {
  const auto found = instances_.find(id);
  return found == instances_.end() ? nullptr : found->second;
}

InstancePtr Fleet::find_session(const SessionId& session) const {
  const auto found = by_session_.find(session);
  return found == by_session_.end() || found->second->is_settling ? nullptr : found->second;
}

Result<InstancePtr> Fleet::leased(const InstanceId& id, std::optional<std::int64_t> fencing_token) const {
  const auto instance = find(id);
  if (!instance || instance->state != State::leased || instance->is_settling) {
    const auto lost = std::ranges::find(losses_, id, &std::pair<InstanceId, std::string>::first);
    if (lost == losses_.end())
      return not_found("instance {} holds no lease (released, expired or never given); acquire one",
                       id.value());
    return not_found("instance {} was lost: {}; acquire another", id.value(), lost->second)
        .with_code("lease_lost");
  }
  if (fencing_token && *fencing_token != instance->lease->fencing_token)
    return conflict("fencing token {} of instance {} is stale; acquire again", *fencing_token, id.value());
  return instance;
}

std::vector<InstancePtr> Fleet::all() const {
  std::vector<InstancePtr> list;
  list.reserve(instances_.size());
  for (const auto& [id, instance] : instances_) list.push_back(instance);
  std::ranges::sort(list, {}, &Instance::id);  // Ids grow with time.
  return list;
}

void Fleet::make_step(Instance& instance, State to) {
  const auto from = instance.state;
  step(instance, to);
  --counts_[static_cast<std::size_t>(from)];
  ++counts_[static_cast<std::size_t>(to)];
  if (from == State::leased && instance.lease) {
    const auto held = by_session_.find(instance.lease->session_id);
    if (held != by_session_.end() && held->second->id == instance.id) by_session_.erase(held);
  }
  changed_.notify();
}

void Fleet::forget(const Instance& instance) {
  --counts_[static_cast<std::size_t>(instance.state)];
  const auto id = instance.id;  // The map may hold the last reference.
  instances_.erase(id);
  changed_.notify();
}

void Fleet::remember_loss(const InstanceId& id, std::string reason) {
  losses_.emplace_front(id, std::move(reason));
  if (losses_.size() > kLossesMax) losses_.pop_back();
}

}  // namespace isa::pool
