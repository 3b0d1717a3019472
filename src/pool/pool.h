#pragma once

#include "pool/acquire.h"
#include "pool/leases.h"
#include "pool/reconcile.h"
#include "pool/upkeep.h"

namespace isa::pool {

// One pool, put together: its fleet, and what acquires from it, fills it, watches its leases and holds it
// against reality. Lives on the service's event loop; stop() is awaited before it dies.
class Pool {
 public:
  // What the pools of one pool manager have in common.
  struct Parts {
    asio::any_io_executor executor;
    ManagerId manager;
    const Settings& settings;
    store::PoolStore& store;
    cloud_os::VmClient& vms;
    Clock clock;
  };
  Pool(const Parts& parts, Shape shape, Meters& meters);

  // Takes over what an earlier life left, then fills up in the background.
  Task<void> start();
  enum class Stop { keep_leased, remove_all, keep_all };
  // Ends background work and refuses callers; removes warm instances, unless other pool managers go on with
  // them (keep_all), and leased ones when asked.
  Task<void> stop(Stop what);
  // Returns once as many instances are warm as should be, or at the deadline: whether they are.
  Task<bool> wait_until_filled(Deadline deadline);
  // New sessions are refused and warm instances removed; leased ones live on.
  void set_draining(bool is_draining);
  // Returns once nothing is leased through this pool manager, or at the deadline: whether that is so.
  Task<bool> wait_until_unleased(Deadline deadline);
  void reshape(Shape shape) { fleet_.reshape(std::move(shape)); }

  Acquirer& acquirer() { return acquirer_; }
  Leases& leases() { return leases_; }
  Reconciler& reconciler() { return reconciler_; }
  Upkeep& upkeep() { return upkeep_; }
  Fleet& fleet() { return fleet_; }
  const Fleet& fleet() const { return fleet_; }
  const WaitQueue& queue() const { return queue_; }
  TaskGroup& tasks() { return tasks_; }
  PoolStats stats() const;

 private:
  static Task<void> remove_warm(Fleet& fleet);

  Fleet fleet_;
  WaitQueue queue_;
  TaskGroup tasks_;  // Declared before what spawns into it; stop() empties it before anything is destroyed.
  Refill refill_;
  Leases leases_;
  Acquirer acquirer_;
  Reconciler reconciler_;
  Upkeep upkeep_;
};

}  // namespace isa::pool
