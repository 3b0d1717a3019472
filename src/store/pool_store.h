// Warm instances and their leases.
#pragma once

#include "base/json.h"
#include "store/page.h"

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
  std::string pool_type;
  SandboxId sandbox_id;
  InstanceState state = InstanceState::creating;
  std::optional<Lease> lease;
  Timestamp created_at;
  Timestamp changed_at;
};
BOOST_DESCRIBE_STRUCT(PoolInstance, (), (id, pool_type, sandbox_id, state, lease, created_at, changed_at))

// Every method is one atomic step, so that several pool managers can share one store.
class PoolStore {
 public:
  virtual ~PoolStore() = default;
  virtual Task<Result<void>> add(PoolInstance instance) = 0;
  // Moves an instance from `from` to `to`, dropping its lease unless `to` is leased or draining; conflict
  // when it is in another state.
  virtual Task<Result<PoolInstance>> move(InstanceId id, InstanceState from, InstanceState to,
                                          Timestamp at) = 0;
  // Claims the oldest warm instance of the pool: warm -> leased together with the lease row. Nothing when
  // none is warm. The store fills in the fencing token.
  virtual Task<Result<std::optional<PoolInstance>>> claim(std::string pool_type, Lease lease,
                                                          Timestamp at) = 0;
  // The live (leased, not expired at `at`) instance of a session, if any.
  virtual Task<Result<std::optional<PoolInstance>>> find_session(std::string pool_type, SessionId session,
                                                                 Timestamp at) = 0;
  virtual Task<Result<PoolInstance>> find(InstanceId id) = 0;
  // Moves expires_at forward when the token is the lease's own; conflict when it is stale or the lease is
  // gone.
  virtual Task<Result<Lease>> renew(InstanceId id, std::int64_t fencing_token, Timestamp expires_at) = 0;
  virtual Task<Result<std::vector<PoolInstance>>> list(std::string pool_type) = 0;
  virtual Task<Result<void>> remove(InstanceId id) = 0;  // Idempotent.
};

}  // namespace isa::store
