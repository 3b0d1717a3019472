#pragma once

#include "pool/acquire.h"
#include "pool/leases.h"
#include "pool/reconcile.h"

namespace isa::pool {

// One pool, put together: its fleet, and what acquires from it, fills it, watches its leases and holds it
// against reality. Lives on the service's event loop; stop() is awaited before it dies.
class Pool {
 public:
  Pool(asio::any_io_executor executor, Shape shape, const Settings& settings, store::PoolStore& store,
       cloud_os::VmClient& vms, Clock clock);

  // Takes over what an earlier life left, then fills up in the background.
  Task<void> start();
  // Ends background work, refuses callers, removes warm instances; leased ones too when asked.
  Task<void> stop(bool remove_leased);
  // Returns once as many instances are warm as should be, or at the deadline: whether they are.
  Task<bool> wait_until_filled(Deadline deadline);

  Acquirer& acquirer() { return acquirer_; }
  Leases& leases() { return leases_; }
  Reconciler& reconciler() { return reconciler_; }
  Fleet& fleet() { return fleet_; }
  TaskGroup& tasks() { return tasks_; }
  PoolStats stats();

 private:
  Fleet fleet_;
  WaitQueue queue_;
  TaskGroup tasks_;  // Declared before what spawns into it; stop() empties it before anything is destroyed.
  Refill refill_;
  Acquirer acquirer_;
  Leases leases_;
  Reconciler reconciler_;
};

}  // namespace isa::pool
