#pragma once

#include "base/deadline.h"
#include "pool/fleet.h"

namespace isa::pool {

// Says to the other pool managers of a shared store that this one lives. When it falls silent, they take its
// instances over (Reconciler).
class Heartbeat {
 public:
  Heartbeat(store::PoolStore& store, ManagerId manager, const Settings& settings, Clock clock);

  Task<void> beat();
  Task<void> run();    // beat() several times within the time to live, until cancelled.
  Task<void> leave();  // The others need not wait for the silence.
  // Whether others live; false when nobody can tell.
  Task<bool> are_others_there();

 private:
  store::PoolStore& store_;
  ManagerId manager_;
  std::chrono::milliseconds ttl_;
  Clock clock_;
};

}  // namespace isa::pool
