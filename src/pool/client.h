// What other roles ask of the pool manager (design: api.md, "Pool manager").
#pragma once

#include "base/deadline.h"
#include "net/client.h"
#include "sdk/runtime_protocol.h"

namespace isa::pool {

struct AcquireRequest {
  SessionId session_id;
  UserId user_id;
  std::optional<OrgId> org_id;
  std::optional<AgentId> agent_config_id;
  std::optional<json::object> config;
  std::optional<double> timeout;  // Seconds to wait for an instance; 30 by default.
  TraceContext trace;             // Travels as a header.
};
BOOST_DESCRIBE_STRUCT(AcquireRequest, (), (session_id, user_id, org_id, agent_config_id, config, timeout))

struct LeaseInfo {
  LeaseId id;
  std::int64_t fencing_token = 0;
  Timestamp expires_at;
};
BOOST_DESCRIBE_STRUCT(LeaseInfo, (), (id, fencing_token, expires_at))

struct ConnectionInfo {
  std::optional<std::string> unix_;
  std::optional<std::string> host;
  std::optional<std::int64_t> port;
};
BOOST_DESCRIBE_STRUCT(ConnectionInfo, (), (unix_, host, port))

struct Acquired {
  InstanceId instance_id;
  std::string pool_type;
  std::string status = "ready";
  LeaseInfo lease;
  ConnectionInfo connection_info;
  bool warm = false;
  bool resumed = false;  // The session had this lease already.
  std::int64_t wait_ms = 0;
  std::optional<std::string> cold_reason;
};
BOOST_DESCRIBE_STRUCT(Acquired, (),
                      (instance_id, pool_type, status, lease, connection_info, warm, resumed, wait_ms,
                       cold_reason))

struct Percentiles {
  double p50 = 0;
  double p99 = 0;
};
BOOST_DESCRIBE_STRUCT(Percentiles, (), (p50, p99))

struct PoolStats {
  std::string pool_type;
  std::int64_t warm_instances = 0;
  std::int64_t active_instances = 0;
  std::int64_t creating = 0;
  std::int64_t target_warm = 0;
  std::int64_t max_instances = 0;
  std::int64_t waiting = 0;
  std::int64_t acquired_total = 0;
  std::int64_t acquired_warm_total = 0;  // Of those, by a warm instance.
  std::int64_t created_total = 0;
  std::int64_t destroyed_total = 0;
  std::int64_t failed_total = 0;
  Percentiles acquire_ms;
  std::optional<std::string> last_error;  // Why a pool does not fill, in words.
};
BOOST_DESCRIBE_STRUCT(PoolStats, (),
                      (pool_type, warm_instances, active_instances, creating, target_warm, max_instances,
                       waiting, acquired_total, acquired_warm_total, created_total, destroyed_total,
                       failed_total, acquire_ms, last_error))

// Implemented by the service itself (same process) and by HttpPoolClient (another process).
class PoolClient {
 public:
  virtual ~PoolClient() = default;
  // The session's live instance, else a warm one, else a cold one, else waits in order until the timeout:
  // service_unavailable with retry_after and the queue position then. The instance is bound to the identity
  // and initialised when this returns.
  virtual Task<Result<Acquired>> acquire(std::string pool_type, AcquireRequest request) = 0;
  // Sends a chat to the instance's runtime and returns its stream of events (sdk/runtime_protocol.h).
  // not_found when the instance is gone; conflict when the fencing token is stale. Renews the lease while the
  // stream is open.
  virtual Task<Result<net::OpenResponse>> stream(std::string pool_type, InstanceId id,
                                                 std::int64_t fencing_token, sdk::RuntimeChat chat) = 0;
  virtual Task<Result<LeaseInfo>> renew(std::string pool_type, InstanceId id, std::int64_t fencing_token) = 0;
  // Destroys the instance. Twice is fine; a stale token is a conflict. No token: the platform itself asks.
  virtual Task<Result<void>> release(std::string pool_type, InstanceId id,
                                     std::optional<std::int64_t> fencing_token) = 0;
  virtual Task<Result<PoolStats>> stats(std::string pool_type) = 0;
};

}  // namespace isa::pool
