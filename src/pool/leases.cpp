#include "pool/leases.h"

#include "base/log.h"
#include "base/shield.h"

#include <algorithm>

namespace isa::pool {
namespace {

// The runtime's stream on its way to the caller, unread. While it is open the lease is in use.
class LeasedBody : public net::BodyStream {
 public:
  LeasedBody(InstancePtr instance, Clock clock, std::unique_ptr<net::BodyStream> inner)
      : instance_(std::move(instance)), clock_(std::move(clock)), inner_(std::move(inner)) {
    ++instance_->open_streams;
  }
  LeasedBody(const LeasedBody&) = delete;
  LeasedBody& operator=(const LeasedBody&) = delete;
  ~LeasedBody() override {
    --instance_->open_streams;
    instance_->used_at = clock_();
  }

  Task<Result<std::string>> read() override {
    auto piece = co_await inner_->read();
    if (!piece) instance_->is_suspect = true;
    co_return piece;
  }

 private:
  InstancePtr instance_;
  Clock clock_;
  std::unique_ptr<net::BodyStream> inner_;
};

}  // namespace

Leases::Leases(Fleet& fleet, TaskGroup& tasks, const Settings& settings)
    : fleet_(fleet), tasks_(tasks), lease_idle_(settings.lease_idle) {}

Task<Result<net::OpenResponse>> Leases::stream(InstanceId id, std::optional<std::int64_t> fencing_token,
                                               sdk::RuntimeChat chat) {
  ISA_CO_TRY(const auto instance, co_await fleet_.leased(id, fencing_token));
  ISA_CO_TRYV(co_await use(instance));
  auto opened = co_await fleet_.runtime().chat(instance->endpoint, chat);
  if (!opened) {
    if (!co_await ended_if_dead(instance)) co_return opened;
    ISA_CO_TRYV(co_await fleet_.leased(id, fencing_token));  // Says what became of it.
    co_return opened;
  }
  opened->body = std::make_unique<LeasedBody>(instance, fleet_.clock(), std::move(opened->body));
  co_return opened;
}

Task<Result<cloud_os::VmModelUse>> Leases::settle(InstanceId id, std::optional<std::int64_t> fencing_token,
                                                  RunId run) {
  ISA_CO_TRY(const auto instance, co_await fleet_.leased(id, fencing_token));
  co_return co_await fleet_.vms().settle(instance->sandbox_id, std::move(run));
}

Task<Result<LeaseInfo>> Leases::renew(InstanceId id, std::optional<std::int64_t> fencing_token) {
  ISA_CO_TRY(const auto instance, co_await fleet_.leased(id, fencing_token));
  instance->used_at = fleet_.now();
  ISA_CO_TRYV(co_await extend(instance, fleet_.now() + lease_idle_));
  co_return LeaseInfo{instance->lease->id, instance->lease->fencing_token, instance->lease->expires_at};
}

Task<Result<void>> Leases::release(InstanceId id, std::optional<std::int64_t> fencing_token) {
  ISA_CO_TRY(const auto instance, co_await fleet_.fetch(id));
  if (!instance || !instance->lease) {
    // Nobody holds what is gone already; what is still warm is not the caller's to end.
    if (!instance || instance->state != State::warm) co_return ok();
    co_return conflict("instance {} is warm and holds no lease; there is nothing to release", id.value());
  }
  if (fencing_token && *fencing_token != instance->lease->fencing_token)
    co_return conflict("fencing token {} of instance {} is stale; it is not yours any more", *fencing_token,
                       id.value());
  // A removal is not cut off because its caller leaves.
  co_return co_await shielded(tasks_, "pool.release", fleet_.drain(instance));
}

Task<Result<void>> Leases::use(InstancePtr instance) {
  instance->used_at = fleet_.now();
  const auto left = instance->lease->expires_at - instance->used_at;
  if (!fleet_.is_shared() && left > lease_idle_ / 2) co_return ok();
  co_return co_await extend(instance, instance->used_at + lease_idle_);
}

InstancePtr Leases::idlest() const {
  InstancePtr idlest;
  if (fleet_.is_shared()) return idlest;
  for (auto& instance : fleet_.all()) {
    const bool is_idle =
        instance->state == State::leased && !instance->is_settling && instance->open_streams == 0;
    if (is_idle && (!idlest || instance->used_at < idlest->used_at)) idlest = std::move(instance);
  }
  return idlest;
}

Task<void> Leases::take_back(InstancePtr instance) {
  log::info("pool.lease_taken_back",
            {{"instance_id", instance->id.value()}, {"session_id", instance->lease->session_id.value()}});
  if (const auto drained = co_await fleet_.drain(instance); !drained) {
    log::warn("pool.take_back_failed",
              {{"instance_id", instance->id.value()}, {"error", drained.error().message()}});
    co_return;
  }
  ++fleet_.totals().expired;
  fleet_.meters().expired();
}

Task<void> Leases::sweep() {
  for (const auto& instance : fleet_.all())
    if (instance->state == State::leased && !instance->is_settling) co_await sweep_one(instance);
}

Task<void> Leases::sweep_one(InstancePtr instance) {
  if (instance->is_suspect) {
    instance->is_suspect = false;
    if (co_await ended_if_dead(instance)) co_return;
  }
  const auto now = fleet_.now();
  const auto until = (instance->open_streams > 0 ? now : instance->used_at) + lease_idle_;
  const auto expires_at = instance->lease->expires_at;
  if (until > std::max(expires_at, now)) {
    // Early enough that the row never runs out under somebody who uses it.
    if (expires_at - now > lease_idle_ * 3 / 4) co_return;
    if (const auto extended = co_await extend(instance, until); !extended)
      log::warn("pool.renew_failed",
                {{"instance_id", instance->id.value()}, {"error", extended.error().message()}});
  } else if (expires_at <= now && fleet_.is_mine(*instance)) {
    const auto session = instance->lease->session_id;
    const auto expired = co_await fleet_.expire(instance);
    if (expired)
      log::info("pool.lease_expired",
                {{"instance_id", instance->id.value()}, {"session_id", session.value()}});
    else if (expired.error().kind() != ErrorKind::conflict)
      log::warn("pool.expire_failed",
                {{"instance_id", instance->id.value()}, {"error", expired.error().message()}});
  }
}

Task<Result<void>> Leases::extend(InstancePtr instance, Timestamp until) {
  auto renewed = co_await fleet_.store().renew(instance->id, instance->lease->fencing_token, until);
  if (renewed) {
    instance->lease->expires_at = renewed->expires_at;
    co_return ok();
  }
  if (renewed.error().kind() != ErrorKind::conflict) co_return Failure(std::move(renewed).error());
  // Another pool manager has ended it: what we knew of it is worth nothing.
  if (instance->state == State::leased && !instance->is_settling && fleet_.find(instance->id) == instance)
    co_await fleet_.drop(instance);
  co_return not_found("instance {} holds no lease any more (released or expired); acquire one",
                      instance->id.value());
}

Task<bool> Leases::ended_if_dead(InstancePtr instance) {
  const auto vm = co_await fleet_.vms().find(instance->sandbox_id);
  if (!vm && vm.error().kind() != ErrorKind::not_found) co_return false;  // Nobody can tell now.
  if (vm && (vm->status == cloud_os::VmStatus::running || vm->status == cloud_os::VmStatus::paused))
    co_return false;
  co_await fleet_.fail(instance,
                       vm && vm->exit ? "its sandbox ended: " + vm->exit->reason : "its sandbox is gone");
  co_return true;
}

}  // namespace isa::pool
