#include "pool/creation.h"

#include "base/log.h"

namespace isa::pool {

Fleet::Creation::Creation(Fleet& fleet) : fleet_(fleet), instance_(std::make_shared<Instance>()) {
  instance_->id = InstanceId::make();
  instance_->manager = fleet.manager_;
  instance_->shape = fleet.digest_;
  instance_->created_at = fleet.now();
  fleet.enter(instance_);
}

Fleet::Creation::~Creation() {
  if (instance_->state != State::creating) return;
  fleet_.make_step(*instance_, State::failed);
  if (!has_traces) fleet_.forget(*instance_);
}

std::shared_ptr<Fleet::Creation> Fleet::begin_creation() {
  return std::make_shared<Creation>(*this);
}

Task<Result<bool>> Fleet::create(std::shared_ptr<Creation> creation, store::PoolRoom room,
                                 Deadline deadline) {
  const auto start = Deadline::Clock::now();
  auto made = co_await make(std::move(creation), room, deadline);
  if (!made) {
    ++totals_.failed;
    meters_.create_failed();
  } else if (*made) {
    const auto took = Deadline::Clock::now() - start;
    ++totals_.created;
    totals_.creates.add(took);
    meters_.created(took);
  }
  co_return made;
}

Task<Result<bool>> Fleet::make(std::shared_ptr<Creation> creation, store::PoolRoom room, Deadline deadline) {
  const auto instance = creation->instance();
  store::PoolInstance row;
  row.id = instance->id;
  row.pool = shape_.pool;
  row.shape = instance->shape;
  row.manager = manager_;
  row.created_at = row.changed_at = row.probed_at = instance->created_at;
  cloud_os::VmCreate spec;
  spec.image = shape_.image;
  spec.command = shape_.command;
  spec.env = shape_.env;
  spec.limits = shape_.limits;
  spec.labels.emplace(kPoolLabel, shape_.pool);
  spec.labels.emplace(kInstanceLabel, instance->id.value());

  creation->has_traces = true;
  auto reserved = co_await store_.reserve(std::move(row), room);
  // Unless the answer was lost on its way, there is no row now.
  creation->has_traces = reserved ? *reserved : reserved.error().kind() == ErrorKind::service_unavailable;
  if (!reserved || !*reserved) co_return reserved;

  auto ready = ok();
  auto vm = co_await vms_.create(std::move(spec), deadline);
  if (vm) {
    instance->sandbox_id = vm->vm_id;
    ready = co_await introduce(instance, *std::move(vm), deadline);
  } else {
    ready = Failure(std::move(vm).error());
  }
  if (ready) {
    make_step(*instance, State::warm);
    co_return true;
  }
  auto removed = ok();
  if (!instance->sandbox_id.empty()) removed = co_await vms_.remove(instance->sandbox_id);
  if (removed) removed = co_await store_.remove(instance->id);
  if (removed)
    creation->has_traces = false;
  else
    log::warn("pool.remove_failed", {{"instance_id", instance->id.value()},
                                     {"sandbox_id", instance->sandbox_id.value()},
                                     {"error", removed.error().message()}});
  co_return Failure(std::move(ready).error());
}

// A sandbox that runs becomes one that can be claimed, once its runtime answers.
Task<Result<void>> Fleet::introduce(InstancePtr instance, cloud_os::Vm vm, Deadline deadline) {
  const auto endpoint = endpoint_of(vm);
  if (!endpoint)
    co_return internal_error("sandbox {} has no endpoint to reach its runtime", vm.vm_id.value());
  instance->endpoint = *endpoint;
  // Also leaves an open connection for the claim.
  ISA_CO_TRYV(co_await runtime_.probe(*endpoint, deadline));
  ISA_CO_TRYV(co_await store_.make_ready(instance->id, instance->sandbox_id, endpoint->to_string(), now()));
  co_return ok();
}

}  // namespace isa::pool
