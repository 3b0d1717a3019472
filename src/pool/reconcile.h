// Holds the records of a pool against the sandboxes that really exist.
#pragma once

#include "pool/fleet.h"

#include <functional>
#include <string>
#include <vector>

namespace isa::pool {

struct Findings {
  struct Match {
    store::PoolInstance row;
    cloud_os::Vm vm;
  };
  struct Loss {
    store::PoolInstance row;
    std::string reason;
  };
  std::vector<Match> alive;                     // Recorded, and its sandbox runs.
  std::vector<Loss> lost;                       // Recorded as warm or leased, and its sandbox does not run.
  std::vector<store::PoolInstance> unfinished;  // On its way out when somebody stopped looking after it.
  std::vector<SandboxId> orphans;               // Runs, unknown, and older than the grace.
};

// The decision alone. `rows` must have been read before `vms`: a sandbox that was recorded in between then
// looks unknown, which its youth forgives; the other way round it would look lost. `is_in_hand`: instances
// that somebody works on right now.
Findings compare(const std::vector<store::PoolInstance>& rows, const std::vector<cloud_os::Vm>& vms,
                 Timestamp now, std::chrono::milliseconds grace,
                 const std::function<bool(const std::string&)>& is_in_hand);

class Reconciler {
 public:
  Reconciler(Fleet& fleet, const Settings& settings);

  // One pass. When the store or cloud_os cannot be asked it changes nothing and returns their error.
  Task<Result<void>> pass();
  Task<void> run();  // pass() every reconcile_every, until cancelled.

 private:
  Task<void> look_after(Findings::Match match);
  // The instance of a row that was read a moment ago; null when it is gone by now.
  Task<InstancePtr> instance_of(store::PoolInstance row, const cloud_os::Vm* vm);
  bool is_in_hand(const std::string& instance_id) const;

  Fleet& fleet_;
  std::chrono::milliseconds every_;
  std::chrono::milliseconds orphan_grace_;
};

}  // namespace isa::pool
