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
  std::vector<Match> alive;  // Recorded, and its sandbox runs.
  std::vector<Loss> lost;    // Recorded as warm or leased, and its sandbox does not run.
  std::vector<store::PoolInstance>
      unfinished;                            // On its way in or out when somebody stopped looking after it.
  std::vector<store::PoolInstance> foreign;  // Another manager, which lives, looks after it.
  std::vector<SandboxId> orphans;            // Runs, unknown, and older than the grace.
};

// What the decision is made from. The rows must have been read before the managers and the sandboxes: one
// that was recorded in between then looks unknown, which its youth forgives; the other way round it would
// look lost.
struct Evidence {
  std::vector<store::PoolInstance> rows;
  std::vector<cloud_os::Vm> vms;
  std::set<ManagerId> managers;  // That live.
  ManagerId manager;             // Ours.
  Timestamp now;
  std::chrono::milliseconds grace;
  // Instances that somebody here works on right now.
  std::function<bool(const InstanceId&)> is_in_hand;
};

// The decision alone.
Findings compare(const Evidence& evidence);

class Reconciler {
 public:
  Reconciler(Fleet& fleet, const Settings& settings);

  // One pass. When the store or cloud_os cannot be asked it changes nothing and returns their error.
  Task<Result<void>> pass();
  Task<void> run();  // pass() every reconcile_every, until cancelled.

 private:
  // Who counts as living: whoever beats, and whoever has not been silent under our eyes for its time to live.
  // A store that lost its data or was away knows of nobody until all have beaten again.
  Task<Result<std::set<ManagerId>>> living(const std::vector<store::PoolInstance>& rows);
  // Of a manager that is gone: ours from now on. False when somebody else was faster.
  Task<bool> take_over(const store::PoolInstance& row);
  Task<void> look_after(Findings::Match match, std::vector<InstanceId>& answered);
  // An acquire of ours whose answer was lost: nobody holds the lease.
  Task<bool> ended_unheard(const store::PoolInstance& row);
  // What was being made is not made any more, whoever may be at it yet. False when it is ready by now.
  Task<bool> give_up(const store::PoolInstance& row);
  // What another one looks after, as it is said in a list that may be older than a claim of ours.
  Task<void> leave_alone(InstanceId id);
  Task<void> drop_unrecorded(const std::vector<store::PoolInstance>& rows);
  Task<void> remove_orphans(const std::vector<SandboxId>& orphans);
  // The instance of a row that was read a moment ago; null when it is gone by now.
  Task<InstancePtr> instance_of(store::PoolInstance row, const cloud_os::Vm* vm);
  bool is_in_hand(const InstanceId& id) const;

  Fleet& fleet_;
  std::chrono::milliseconds every_;
  std::chrono::milliseconds orphan_grace_;
  std::chrono::milliseconds manager_ttl_;
  std::map<ManagerId, Timestamp> silent_since_;  // Seen by pass after pass.
};

}  // namespace isa::pool
