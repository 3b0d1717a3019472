// The sandboxes of one pool: what there is, and each step of their lives.
#pragma once

#include "base/signal.h"
#include "cloud_os/client.h"
#include "pool/instance.h"
#include "pool/runtime_link.h"
#include "pool/settings.h"
#include "pool/stats.h"

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>

namespace isa::pool {

// Of one pool: the key of a warm sandbox is its shape and nothing else, so that any of them serves any
// session.
struct Shape {
  std::string pool_type;
  std::size_t warm = 0;
  std::size_t max = 0;
  cloud_os::VmLimits limits;
};

// Who tells the time; tests move it.
using Clock = std::function<Timestamp()>;

// Labels of a sandbox, by which it is found again when the store does not know it.
inline constexpr std::string_view kPoolLabel = "isa.pool";
inline constexpr std::string_view kInstanceLabel = "isa.instance";

// Owns the instances of one pool. Every step is made in the store first and in memory after it: the store
// arbitrates, so that a claim and a removal of the same instance cannot both succeed.
//
// Lives on the service's event loop.
class Fleet {
 public:
  Fleet(asio::any_io_executor executor, Shape shape, store::PoolStore& store, cloud_os::VmClient& vms,
        Clock clock);

  // Making one instance: creating -> warm. It counts from begin_creation() on, before anything was awaited.
  // On failure nothing of it is left; when that cannot be ensured, reconcile finds it by its labels.
  class Creation;
  std::shared_ptr<Creation> begin_creation();
  Task<Result<void>> create(std::shared_ptr<Creation> creation, Deadline deadline);
  // Takes the oldest warm instance for this lease, durably. Null when there is none.
  Task<Result<InstancePtr>> claim(store::Lease lease);
  // Ends a warm or leased instance. When this returns it serves nobody; what could not be removed is tried
  // again by reconcile. conflict when the store says that it is in another state.
  Task<Result<void>> drain(InstancePtr instance);
  // The same, for one that is broken. `reason` is what a caller of its lease is told.
  Task<void> fail(InstancePtr instance, std::string reason);
  // Goes on with a removal that did not finish: sandbox, row, memory.
  Task<void> settle(InstancePtr instance);
  // Takes an instance of an earlier life of the pool manager into memory.
  InstancePtr adopt(const store::PoolInstance& row, const cloud_os::Vm* vm);

  InstancePtr find(const InstanceId& id) const;
  // The instance that the session holds, if its lease is alive.
  InstancePtr find_session(const SessionId& session) const;
  // The instance of a lease. conflict: another fencing token; not_found, with code lease_lost when it is
  // known why.
  Result<InstancePtr> leased(const InstanceId& id, std::optional<std::int64_t> fencing_token) const;
  std::vector<InstancePtr> all() const;

  std::size_t count(State state) const { return counts_[static_cast<std::size_t>(state)]; }
  const Shape& shape() const { return shape_; }
  Timestamp now() const { return clock_(); }
  const Clock& clock() const { return clock_; }
  Totals& totals() { return totals_; }
  RuntimeLink& runtime() { return runtime_; }
  cloud_os::VmClient& vms() { return vms_; }
  store::PoolStore& store() { return store_; }
  Signal& changed() { return changed_; }

 private:
  Task<Result<void>> make(InstancePtr instance, Deadline deadline);
  void make_step(Instance& instance, State to);
  void forget(const Instance& instance);
  void remember_loss(const InstanceId& id, std::string reason);

  Shape shape_;
  store::PoolStore& store_;
  cloud_os::VmClient& vms_;
  Clock clock_;
  RuntimeLink runtime_;
  Totals totals_;
  Signal changed_;
  std::unordered_map<InstanceId, InstancePtr> instances_;
  std::unordered_map<SessionId, InstancePtr> by_session_;
  std::array<std::size_t, 6> counts_{};                    // By State.
  std::deque<std::pair<InstanceId, std::string>> losses_;  // Why leases were lost, the latest few hundred.
};

// Where the runtime of a sandbox listens; nothing when the backend gave it no endpoint.
std::optional<net::Endpoint> endpoint_of(const cloud_os::Vm& vm);

}  // namespace isa::pool
