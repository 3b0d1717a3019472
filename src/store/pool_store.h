// Warm instances, their leases, and the pool managers that share them.
#pragma once

#include "base/json.h"
#include "store/page.h"

#include <set>

namespace isa {
struct ManagerIdTag {
  static constexpr std::string_view prefix = "manager_";
};
using ManagerId = Id<ManagerIdTag>;  // Of one life of a pool manager.
}  // namespace isa

namespace isa::store {

enum class InstanceState { creating, warm, leased, draining, destroyed, failed };
BOOST_DESCRIBE_ENUM(InstanceState, creating, warm, leased, draining, destroyed, failed)

struct Lease {
  LeaseId id;
  std::int64_t fencing_token = 0;  // Grows with every lease of the store, for ever.
  SessionId session_id;
  UserId user_id;
  std::optional<OrgId> org_id;
  std::optional<AgentId> agent_config_id;
  Timestamp acquired_at;
  Timestamp expires_at;
};
BOOST_DESCRIBE_STRUCT(Lease, (),
                      (id, fencing_token, session_id, user_id, org_id, agent_config_id, acquired_at,
                       expires_at))

struct PoolInstance {
  InstanceId id;
  std::string pool;      // "agent", "custom_agent/<deployment>".
  std::string shape;     // Digest of what the sandbox is made of; only the same is handed out.
  ManagerId manager;     // Who looks after it: probes it, ends it. Anybody may claim it.
  SandboxId sandbox_id;  // Empty while it is being made.
  std::string endpoint;  // Of the runtime inside, as Endpoint::to_string() writes it; empty likewise.
  InstanceState state = InstanceState::creating;
  std::optional<Lease> lease;
  Timestamp created_at;
  Timestamp changed_at;
  Timestamp probed_at;  // When it last answered.
};
BOOST_DESCRIBE_STRUCT(PoolInstance, (),
                      (id, pool, shape, manager, sandbox_id, endpoint, state, lease, created_at, changed_at,
                       probed_at))

struct PoolCounts {
  std::size_t creating = 0;
  std::size_t warm = 0;      // Of the shape that was asked for.
  std::size_t outdated = 0;  // Warm, but of another shape.
  std::size_t leased = 0;
  std::size_t leaving = 0;  // draining, or failed: it still holds resources.
  std::size_t unleased() const { return creating + warm + outdated + leaving; }
  std::size_t total() const { return unleased() + leased; }
};

// How many instances a pool may hold once one more is made.
struct PoolRoom {
  std::size_t total = 0;     // Of all.
  std::size_t unleased = 0;  // Of those that nobody leases.
};

struct ClaimRequest {
  std::string pool;
  std::string shape;
  Timestamp probed_since;  // One that has not answered since then is passed over.
  ManagerId manager;
  Lease lease;  // The store fills in the fencing token.
  Timestamp at;
};

struct Claimed {
  PoolInstance instance;
  bool is_new = false;  // False: the session had it already.
};

// Every method is one atomic step, so that several pool managers can share one store. An instance has one
// lease in its life. When a method fails with service_unavailable, nobody knows whether the step was made:
// the answer may have been lost on its way.
class PoolStore {
 public:
  virtual ~PoolStore() = default;

  // Whether other pool managers may change the rows: then what one of them remembers is a guess.
  virtual bool is_shared() const = 0;
  // Empty while the store can be reached, else why not. Answers at once.
  virtual std::string trouble() const { return {}; }

  // ---- instances ----
  // Adds the row of an instance that is about to be made (state creating); false when the pool has no room.
  virtual Task<Result<bool>> reserve(PoolInstance instance, PoolRoom room) = 0;
  // creating -> warm. conflict when it is in another state, not_found when it was given up meanwhile.
  virtual Task<Result<PoolInstance>> make_ready(InstanceId id, SandboxId sandbox, std::string endpoint,
                                                Timestamp at) = 0;
  // Moves an instance from `from` to `to`, dropping its lease unless `to` is draining; conflict when it is in
  // another state.
  virtual Task<Result<PoolInstance>> move(InstanceId id, InstanceState from, InstanceState to,
                                          Timestamp at) = 0;
  // They answered at this time. Unknown ids are skipped.
  virtual Task<Result<void>> note_probes(std::vector<InstanceId> ids, Timestamp at) = 0;
  // From now on `to` looks after it; conflict when `from` does not any more.
  virtual Task<Result<PoolInstance>> adopt(InstanceId id, ManagerId from, ManagerId to) = 0;
  virtual Task<Result<PoolInstance>> find(InstanceId id) = 0;
  virtual Task<Result<std::vector<PoolInstance>>> list(std::string pool) = 0;  // The oldest first.
  virtual Task<Result<PoolCounts>> counts(std::string pool, std::string shape) = 0;
  virtual Task<Result<void>> remove(InstanceId id) = 0;  // Idempotent.

  // ---- leases ----
  // The instance that the session leases, its lease prolonged to the one that is asked for (expired or not:
  // only expire() ends a lease); the caller judges whether it is the same user's. Else the oldest warm
  // instance, warm -> leased. Else nothing.
  virtual Task<Result<std::optional<Claimed>>> claim(ClaimRequest request) = 0;
  // Moves expires_at forward when the token is the lease's own; conflict when it is stale or the lease is
  // over.
  virtual Task<Result<Lease>> renew(InstanceId id, std::int64_t fencing_token, Timestamp expires_at) = 0;
  // leased -> draining when the lease has run out at `at`; conflict when it was renewed or has ended.
  virtual Task<Result<PoolInstance>> expire(InstanceId id, Timestamp at) = 0;

  // ---- managers ----
  // The manager lives, and until this time nobody takes its instances.
  virtual Task<Result<void>> beat(ManagerId manager, Timestamp until) = 0;
  virtual Task<Result<void>> leave(ManagerId manager) = 0;
  virtual Task<Result<std::set<ManagerId>>> managers(Timestamp at) = 0;

  // ---- what operators and deployments decide ----
  // Returns when it outlives a power cut, if the engine is set up to.
  virtual Task<Result<void>> put_config(std::string pool, std::string config) = 0;
  virtual Task<Result<void>> remove_config(std::string pool) = 0;  // Idempotent.
  virtual Task<Result<std::map<std::string, std::string>>> configs() = 0;
};

}  // namespace isa::store
