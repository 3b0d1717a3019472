#pragma once

#include "pool/fleet.h"
#include "pool/leases.h"
#include "pool/refill.h"

namespace isa::pool {

// What is looked at every few seconds: leases, and warm instances that are too old, of a former shape, or too
// many.
class Upkeep {
 public:
  Upkeep(Fleet& fleet, Leases& leases, const Refill& refill, const Settings& settings);

  Task<void> run();  // Until cancelled.
  // Of the warm instances: all of a former shape, since nobody gets them; of the others one at a time, so
  // that the pool stays filled.
  Task<void> recycle();

 private:
  // The warm instance to give up next; null when all are as they should be.
  InstancePtr too_old() const;
  InstancePtr too_many() const;
  Task<void> give_up(InstancePtr instance, std::string_view why);

  Fleet& fleet_;
  Leases& leases_;
  const Refill& refill_;
  std::chrono::milliseconds every_, warm_max_age_;
};

}  // namespace isa::pool
