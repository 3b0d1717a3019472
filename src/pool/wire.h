// Bodies of the pool manager's routes; HttpPoolClient and the routes share them.
#pragma once

#include "pool/client.h"
#include "pool/instance.h"

namespace isa::pool {

// AcquireRequest as it comes over HTTP: `pool_type` repeats the path (clients of the original send it),
// `user_id` may be left out by users, who are who they are.
struct AcquireBody {
  SessionId session_id;
  std::optional<std::string> pool_type;
  std::optional<UserId> user_id;
  std::optional<OrgId> org_id;
  std::optional<AgentId> agent_config_id;
  std::optional<std::string> deployment_id;
  std::optional<json::object> config;
  std::optional<double> timeout;
  std::optional<cloud_os::VmAllowance> allowance;  // The platform's own to say.
};
BOOST_DESCRIBE_STRUCT(AcquireBody, (),
                      (session_id, pool_type, user_id, org_id, agent_config_id, deployment_id, config,
                       timeout, allowance))

// Of renew and release. Without a token the caller's identity alone decides.
struct LeaseBody {
  std::optional<std::int64_t> fencing_token;
};
BOOST_DESCRIBE_STRUCT(LeaseBody, (), (fencing_token))

struct SettleBody {
  RunId run_id;
  std::optional<std::int64_t> fencing_token;
};
BOOST_DESCRIBE_STRUCT(SettleBody, (), (run_id, fencing_token))

// What a direct caller may say about a chat. Clients of the original put their own fields here: they are
// ignored.
struct ChatContext {
  using json_defaults = void;
  using json_ignore_unknown = void;
  std::optional<sdk::AgentSpec> agent;
  std::optional<sdk::RuntimeChat> chat;  // stream only: sent to the runtime as it stands.
};
BOOST_DESCRIBE_STRUCT(ChatContext, (), (agent, chat))

struct StreamBody {
  std::optional<std::string> prompt;
  std::optional<ChatContext> context;
  std::optional<std::int64_t> fencing_token;
};
BOOST_DESCRIBE_STRUCT(StreamBody, (), (prompt, context, fencing_token))

enum class ExecuteAction { query, reset };
BOOST_DESCRIBE_ENUM(ExecuteAction, query, reset)

struct ExecuteParams {
  using json_defaults = void;
  std::string prompt;
  std::optional<ChatContext> context;
};
BOOST_DESCRIBE_STRUCT(ExecuteParams, (), (prompt, context))

struct ExecuteBody {
  ExecuteAction action = ExecuteAction::query;
  std::optional<ExecuteParams> params;
  std::optional<std::int64_t> fencing_token;
};
BOOST_DESCRIBE_STRUCT(ExecuteBody, (), (action, params, fencing_token))

struct ExecuteResult {
  std::string response;
};
BOOST_DESCRIBE_STRUCT(ExecuteResult, (), (response))

struct ExecuteAnswer {
  bool success = true;
  ExecuteResult result;
};
BOOST_DESCRIBE_STRUCT(ExecuteAnswer, (), (success, result))

struct LeaseView {
  LeaseInfo lease;
};
BOOST_DESCRIBE_STRUCT(LeaseView, (), (lease))

// An instance as operators see it.
struct InstanceView {
  InstanceId instance_id;
  std::string pool_type;
  std::optional<std::string> deployment_id;
  State status = State::creating;
  std::optional<SandboxId> sandbox_id;
  std::optional<store::Lease> lease;
  std::int64_t open_streams = 0;
  Timestamp created_at;
};
BOOST_DESCRIBE_STRUCT(InstanceView, (),
                      (instance_id, pool_type, deployment_id, status, sandbox_id, lease, open_streams,
                       created_at))

struct InstanceList {
  std::vector<InstanceView> instances;
};
BOOST_DESCRIBE_STRUCT(InstanceList, (), (instances))

// Who waits, and where in the line. Callers see their own places only.
struct QueuePlace {
  std::string pool_type;
  std::optional<std::string> deployment_id;
  SessionId session_id;
  std::int64_t position = 0;  // From 1.
  std::int64_t waited_ms = 0;
};
BOOST_DESCRIBE_STRUCT(QueuePlace, (), (pool_type, deployment_id, session_id, position, waited_ms))

struct Queue {
  std::vector<QueuePlace> waiting;
};
BOOST_DESCRIBE_STRUCT(Queue, (), (waiting))

struct DeploymentList {
  std::map<std::string, Deployment> deployments;
};
BOOST_DESCRIBE_STRUCT(DeploymentList, (), (deployments))

}  // namespace isa::pool
