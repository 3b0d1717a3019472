// Leases in use: who may, how long, and what ends them.
#pragma once

#include "base/task_group.h"
#include "pool/client.h"
#include "pool/fleet.h"

namespace isa::pool {

// A lease ends when nothing used it for `lease_idle`: no open stream, no chat, no renewal. Uses are noted in
// memory and reach the row with the sweep, so that a chat costs no write; a crash forgets at most a quarter
// of the idle time.
class Leases {
 public:
  Leases(Fleet& fleet, TaskGroup& tasks, const Settings& settings);

  Task<Result<net::OpenResponse>> stream(InstanceId id, std::optional<std::int64_t> fencing_token,
                                         sdk::RuntimeChat chat);
  Task<Result<LeaseInfo>> renew(InstanceId id, std::optional<std::int64_t> fencing_token);
  Task<Result<void>> release(InstanceId id, std::optional<std::int64_t> fencing_token);

  // One look at every lease: writes down uses, ends what is idle, looks after instances whose stream broke
  // off.
  Task<void> sweep();
  Task<void> run();  // sweep() for ever, until cancelled.

 private:
  Timestamp ends_at(const Instance& instance) const;
  Task<Result<void>> extend(InstancePtr instance, Timestamp until);
  // Ends the instance when its sandbox is gone; true then.
  Task<bool> ended_if_dead(InstancePtr instance);

  Fleet& fleet_;
  TaskGroup& tasks_;
  std::chrono::milliseconds lease_idle_;
  std::chrono::milliseconds sweep_every_;
};

}  // namespace isa::pool
