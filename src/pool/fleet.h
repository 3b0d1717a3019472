// The sandboxes of one pool: what there is, and each step of their lives.
#pragma once

#include "base/signal.h"
#include "cloud_os/client.h"
#include "pool/instance.h"
#include "pool/meters.h"
#include "pool/runtime_link.h"
#include "pool/settings.h"
#include "pool/shape.h"

#include <array>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>
#include <unordered_set>

namespace isa::pool {

// Who tells the time; tests move it.
using Clock = std::function<Timestamp()>;

// Labels of a sandbox, by which it is found again when the store does not know it.
inline constexpr std::string_view kPoolLabel = "isa.pool";
inline constexpr std::string_view kInstanceLabel = "isa.instance";

// Owns the instances of one pool. Every step is made in the store first and in memory after it: the store
// arbitrates, so that a claim and a removal of the same instance cannot both succeed. Alone on its store,
// what memory says is as good as the row; shared with other pool managers
// (docs/decisions/0007-shared-pools.md) it is what this one knew last.
//
// Lives on the service's event loop.
class Fleet {
 public:
  Fleet(asio::any_io_executor executor, Shape shape, ManagerId manager, const Settings& settings,
        store::PoolStore& store, cloud_os::VmClient& vms, Clock clock, Meters& meters);

  // Making one instance: creating -> warm. It counts from begin_creation() on, before anything was awaited.
  // false when the pool has no room for it. On failure nothing of it is left; when that cannot be ensured,
  // reconcile finds it by its row or its labels.
  class Creation;
  std::shared_ptr<Creation> begin_creation();
  Task<Result<bool>> create(std::shared_ptr<Creation> creation, store::PoolRoom room, Deadline deadline);

  struct Held {
    InstancePtr instance;
    bool is_new = false;  // False: the session leased it already.
  };
  enum class Want { any, held };  // held: only what the session leases already.
  // The instance that the session leases, or the oldest warm one for this lease, durably. Nothing when there
  // is none.
  Task<Result<std::optional<Held>>> claim(store::Lease lease, Want want = Want::any);
  // Whether this very claim is under way, or its instance known: else nobody was told of the lease.
  bool is_heard(const store::PoolInstance& row) const;

  // Ends a warm or leased instance. When this returns it serves nobody; what could not be removed is tried
  // again by reconcile. conflict when the store says that it is in another state.
  Task<Result<void>> drain(InstancePtr instance);
  // The same for a lease that has run out, unless somebody renewed it: conflict then.
  Task<Result<void>> expire(InstancePtr instance);
  // The same, for one that is broken. `reason` is what a caller of its lease is told.
  Task<void> fail(InstancePtr instance, std::string reason);
  // Goes on with a removal that did not finish: sandbox, row, memory.
  Task<void> settle(InstancePtr instance);

  // Takes a row into memory.
  InstancePtr adopt(const store::PoolInstance& row, const cloud_os::Vm* vm = nullptr);
  // Memory follows a row that somebody else changed.
  void follow(Instance& instance, const store::PoolInstance& row);
  // Another pool manager has ended its lease, as the store said: finds out how, and goes along.
  Task<void> drop(InstancePtr instance);
  // Somebody else looks after it.
  void forget(const Instance& instance);

  InstancePtr find(const InstanceId& id) const;
  // The same, and what other pool managers know. Null when it does not exist.
  Task<Result<InstancePtr>> fetch(InstanceId id);
  // The instance that the session holds as far as memory knows.
  InstancePtr find_session(const SessionId& session) const;
  // The instance of a lease. conflict: another fencing token; not_found, with code lease_lost when it is
  // known why.
  Task<Result<InstancePtr>> leased(InstanceId id, std::optional<std::int64_t> fencing_token);
  std::vector<InstancePtr> all() const;

  // Of this pool manager's own instances, in memory.
  std::size_t count(State state) const { return counts_[static_cast<std::size_t>(state)]; }
  // Of the whole pool: in memory when this one is alone, else as of the last look().
  store::PoolCounts counts() const;
  Task<Result<void>> look();
  bool is_mine(const Instance& instance) const { return instance.manager == manager_; }
  bool is_shared() const { return store_.is_shared(); }

  const ManagerId& manager() const { return manager_; }
  const Shape& shape() const { return shape_; }
  void reshape(Shape shape);
  const std::string& digest() const { return digest_; }
  Timestamp now() const { return clock_(); }
  const Clock& clock() const { return clock_; }
  Totals& totals() { return totals_; }
  const Totals& totals() const { return totals_; }
  Meters& meters() { return meters_; }
  RuntimeLink& runtime() { return runtime_; }
  cloud_os::VmClient& vms() { return vms_; }
  store::PoolStore& store() { return store_; }
  Signal& changed() { return changed_; }

 private:
  Task<Result<bool>> make(std::shared_ptr<Creation> creation, store::PoolRoom room, Deadline deadline);
  Task<Result<void>> introduce(InstancePtr instance, cloud_os::Vm vm, Deadline deadline);
  Task<Result<void>> remove_sandbox(InstancePtr instance);
  Task<Result<void>> end(InstancePtr instance, Task<Result<store::PoolInstance>> step_in_store);
  void lease_to(const InstancePtr& instance, const store::Lease& lease);
  void make_step(Instance& instance, State to);
  void enter(const InstancePtr& instance);
  void count_step(const Instance& instance, State state, int change);
  void remember_loss(const InstanceId& id, std::string reason);

  Shape shape_;
  std::string digest_;
  ManagerId manager_;
  std::chrono::milliseconds probe_is_fresh_;
  store::PoolStore& store_;
  cloud_os::VmClient& vms_;
  Clock clock_;
  Meters& meters_;
  RuntimeLink runtime_;
  Totals totals_;
  Signal changed_;
  std::unordered_map<InstanceId, InstancePtr> instances_;
  std::unordered_map<SessionId, InstancePtr> by_session_;
  std::unordered_set<LeaseId> claims_;                     // Under way in the store.
  std::array<std::size_t, 6> counts_{};                    // By State.
  std::size_t outdated_ = 0;                               // Warm, of a former shape.
  store::PoolCounts seen_;                                 // By the last look() at a shared store.
  std::deque<std::pair<InstanceId, std::string>> losses_;  // Why leases were lost, the latest few hundred.
};

// Where the runtime of a sandbox listens; nothing when the backend gave it no endpoint.
std::optional<net::Endpoint> endpoint_of(const cloud_os::Vm& vm);

}  // namespace isa::pool
