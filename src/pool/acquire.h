// How a session gets its instance.
#pragma once

#include "base/task_group.h"
#include "pool/client.h"
#include "pool/fleet.h"
#include "pool/leases.h"
#include "pool/refill.h"
#include "pool/wait_queue.h"

#include <unordered_map>

namespace isa::pool {

// In this order: the session's live lease; a warm instance; a place in the queue, served by what is created
// for it or comes free. docs/decisions/0004-warm-acquire.md says what happens in which order and why.
//
// An acquire runs to its end even when its caller leaves, since a claim that is cut in half would strand an
// instance; a lease that nobody was there to take is released. Callers that ask for one session at the same
// time share one acquire and so one instance.
class Acquirer {
 public:
  Acquirer(Fleet& fleet, WaitQueue& queue, Refill& refill, Leases& leases, TaskGroup& tasks,
           const Settings& settings);

  Task<Result<Acquired>> acquire(AcquireRequest request);
  // From now on everybody is refused; those who wait are told when the task group stops.
  void close() { is_closed_ = true; }
  // While draining only sessions that have an instance get it again.
  void set_draining(bool is_draining);
  bool is_draining() const { return is_draining_; }

 private:
  struct Flight;
  class Listener;
  // What came of a try to claim.
  struct Tried {
    std::optional<Acquired> answer;
    std::string cold_reason;
  };

  static Task<void> fly(Acquirer& self, std::shared_ptr<Flight> flight);
  void release_if_unheard(const std::shared_ptr<Flight>& flight);

  Task<Result<Acquired>> perform(const AcquireRequest& request, Deadline deadline);
  Task<Result<std::optional<Acquired>>> resume_known(const AcquireRequest& request);
  Task<Result<std::optional<Acquired>>> resume(InstancePtr instance, const AcquireRequest& request);
  Task<Result<Tried>> try_warm(const AcquireRequest& request, Deadline deadline);
  Task<Result<Acquired>> wait_in_line(const AcquireRequest& request, std::string cold_reason,
                                      Deadline deadline);
  // In a full pool what is idle makes room, one instance for each who waits. Returns when to look again.
  Task<Deadline> make_room(std::size_t position, Deadline deadline);
  // Binds the claimed instance to the lease's identity and initialises its runtime. On failure the instance
  // is ended, in the background.
  Task<Result<void>> settle_in(InstancePtr instance, const AcquireRequest& request, Deadline deadline);
  Task<Result<void>> allow(InstancePtr instance, const AcquireRequest& request);
  // What the probe says; `limited` what came of the other.
  Task<Result<void>> probe_and_allow(InstancePtr instance, const AcquireRequest& request,
                                     Result<void>& limited);
  Task<Result<void>> follow_egress(InstancePtr instance, const AcquireRequest& request);
  Task<Result<bool>> bind_again(InstancePtr instance, const AcquireRequest& request);
  void give_up(InstancePtr instance, const Error& why);
  Task<Result<void>> bind(InstancePtr instance, const AcquireRequest& request);
  void count(const Acquired& answer, Deadline::Clock::duration took);
  void missed(Miss why);
  void fell_back(Fallback why);
  void refused(const Error& error);
  store::Lease new_lease(const AcquireRequest& request) const;
  Error draining() const;
  Error out_of_time(std::size_t position) const;

  Fleet& fleet_;
  WaitQueue& queue_;
  Refill& refill_;
  Leases& leases_;
  TaskGroup& tasks_;
  Deadline::Clock::duration warm_claim_timeout_;
  Deadline::Clock::duration bind_timeout_;
  std::chrono::milliseconds lease_idle_;
  std::chrono::milliseconds reclaim_after_;
  bool is_closed_ = false;
  bool is_draining_ = false;
  std::unordered_map<SessionId, std::shared_ptr<Flight>> flights_;
};

}  // namespace isa::pool
