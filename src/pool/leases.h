// Leases in use: who may, how long, and what ends them.
#pragma once

#include "base/task_group.h"
#include "pool/client.h"
#include "pool/fleet.h"

namespace isa::pool {

// A lease ends when nothing used it for `lease_idle`: no open stream, no chat, no renewal. The row says when;
// whoever ends it and whoever renews it compare and swap there. A use is noted in memory and reaches the row
// with the sweep, so that a chat costs no write while half of its time is left. In a shared store every use
// is a renewal, since another pool manager may have ended the lease.
class Leases {
 public:
  Leases(Fleet& fleet, TaskGroup& tasks, const Settings& settings);

  Task<Result<net::OpenResponse>> stream(InstanceId id, std::optional<std::int64_t> fencing_token,
                                         sdk::RuntimeChat chat);
  Task<Result<cloud_os::VmModelUse>> settle(InstanceId id, std::optional<std::int64_t> fencing_token,
                                            RunId run);
  Task<Result<LeaseInfo>> renew(InstanceId id, std::optional<std::int64_t> fencing_token);
  Task<Result<void>> release(InstanceId id, std::optional<std::int64_t> fencing_token);

  // The lease is made use of now; an error when it has ended.
  Task<Result<void>> use(InstancePtr instance);
  // Ends the instance when its sandbox is gone; true then.
  Task<bool> ended_if_dead(InstancePtr instance);

  // The lease that nobody has used for longest, and nobody uses now; null when there is none. Only for a
  // fleet that is alone on its store: of a shared one another pool manager may know better.
  InstancePtr idlest() const;
  // Somebody waits for the place of one that is idle.
  Task<void> take_back(InstancePtr instance);

  // One look at every lease: writes down uses, ends what is idle, looks after instances whose stream broke
  // off.
  Task<void> sweep();

 private:
  Task<void> sweep_one(InstancePtr instance);
  Task<Result<void>> extend(InstancePtr instance, Timestamp until);

  Fleet& fleet_;
  TaskGroup& tasks_;
  std::chrono::milliseconds lease_idle_;
};

}  // namespace isa::pool
