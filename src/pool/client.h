// What other roles ask of the pool manager (design: api.md, "Pool manager").
#pragma once

#include "base/deadline.h"
#include "cloud_os/vm.h"
#include "net/client.h"
#include "sdk/runtime_protocol.h"

namespace isa::pool {

struct AcquireRequest {
  SessionId session_id;
  UserId user_id;
  std::optional<OrgId> org_id;
  std::optional<AgentId> agent_config_id;
  std::optional<std::string> deployment_id;  // Of a custom agent: whose sandbox.
  std::optional<json::object> config;
  std::optional<double> timeout;  // Seconds to wait for an instance; 30 by default.
  // Of the run that begins or goes on: set, or taken away, before this returns. None: it stays as it is.
  std::optional<cloud_os::VmAllowance> allowance;
  TraceContext trace;  // Travels as a header.
};
BOOST_DESCRIBE_STRUCT(AcquireRequest, (),
                      (session_id, user_id, org_id, agent_config_id, deployment_id, config, timeout,
                       allowance))

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

// Why instances are not created now.
struct BackOff {
  std::int64_t failures = 0;  // In a row.
  std::int64_t retry_in_ms = 0;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(BackOff, (), (failures, retry_in_ms, reason))

// Totals and times are of this pool manager since it started; instances are the whole pool's.
struct PoolStats {
  std::string pool_type;
  std::int64_t warm_instances = 0;
  std::int64_t active_instances = 0;
  std::int64_t creating = 0;
  std::int64_t leaving = 0;  // On their way out; they count towards max_instances.
  std::int64_t target_warm = 0;
  std::int64_t max_instances = 0;
  std::int64_t waiting = 0;
  std::int64_t longest_wait_ms = 0;  // Of those who wait now.
  std::int64_t acquired_total = 0;
  std::int64_t acquired_warm_total = 0;           // Hits: of those, by a warm instance.
  std::int64_t resumed_total = 0;                 // The session had its instance already.
  std::map<std::string, std::int64_t> misses;     // No warm instance was there, by reason.
  std::map<std::string, std::int64_t> fallbacks;  // A warm one was there and could not be used, by reason.
  std::map<std::string, std::int64_t> refusals;   // No instance was given at all, by reason.
  std::int64_t created_total = 0;
  std::int64_t destroyed_total = 0;
  std::int64_t failed_total = 0;
  std::int64_t expired_total = 0;
  std::int64_t recycled_total = 0;
  double acquires_per_second = 0;
  Percentiles acquire_ms;
  Percentiles create_ms;
  bool is_draining = false;
  std::optional<std::int64_t> deployments;  // Of custom_agent: how many are summed up here.
  std::optional<BackOff> back_off;
  std::optional<std::string> last_error;  // Why a pool does not fill, in words.
};
BOOST_DESCRIBE_STRUCT(PoolStats, (),
                      (pool_type, warm_instances, active_instances, creating, leaving, target_warm,
                       max_instances, waiting, longest_wait_ms, acquired_total, acquired_warm_total,
                       resumed_total, misses, fallbacks, refusals, created_total, destroyed_total,
                       failed_total, expired_total, recycled_total, acquires_per_second, acquire_ms,
                       create_ms, is_draining, deployments, back_off, last_error))

// What a deployment of a custom agent asks of the pool `custom_agent`. No secret belongs into `env`: it is
// stored, and the agent sees it.
struct Deployment {
  using json_defaults = void;
  std::optional<std::string> image;
  std::optional<std::vector<std::string>> command;
  std::map<std::string, std::string> env;
  cloud_os::VmLimits limits;
  std::int64_t min_warm = 0;  // 0: none is kept, the first call is a cold one.
  std::int64_t max_instances = 10;
};
BOOST_DESCRIBE_STRUCT(Deployment, (), (image, command, env, limits, min_warm, max_instances))

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
  // The run in the instance is over, or waits: what it asked of models (cloud_os/client.h, settle()).
  virtual Task<Result<cloud_os::VmModelUse>> settle(std::string pool_type, InstanceId id,
                                                    std::int64_t fencing_token, RunId run) = 0;
  virtual Task<Result<LeaseInfo>> renew(std::string pool_type, InstanceId id, std::int64_t fencing_token) = 0;
  // Destroys the instance. Twice is fine; a stale token is a conflict. No token: the platform itself asks.
  virtual Task<Result<void>> release(std::string pool_type, InstanceId id,
                                     std::optional<std::int64_t> fencing_token) = 0;
  // Of "agent", of "custom_agent/<deployment>", or of "custom_agent" summed up.
  virtual Task<Result<PoolStats>> stats(std::string pool_type) = 0;
  // Sets or changes what a deployment gets, durably. Warm instances of another shape are replaced; leased
  // ones live on.
  virtual Task<Result<void>> configure(std::string deployment_id, Deployment deployment) = 0;
  // The deployment gets no more instances; leased ones live on until their leases end. Idempotent.
  virtual Task<Result<void>> remove_deployment(std::string deployment_id) = 0;
};

}  // namespace isa::pool
