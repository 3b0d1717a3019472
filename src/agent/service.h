#pragma once

#include "agent/settings.h"
#include "agent/triggers/sealer.h"
#include "model/client.h"
#include "net/router.h"
#include "net/server.h"
#include "net/service_routes.h"
#include "pool/client.h"
#include "store/agent_config.h"
#include "store/agent_template.h"
#include "store/idempotency_store.h"
#include "store/run.h"
#include "store/skill.h"
#include "store/team_spec.h"
#include "store/trigger.h"

#include <memory>

namespace isa::agent {

// The agent service: configs, templates, sessions, runs and the chat that begins them (design: agents.md,
// api.md).
//
// Lives on one event loop, that of `executor`, and its server on the same one. The stores and the log may be
// called from any loop; a PoolClient or ModelClient that lives on another loop is wrapped by src/app/.
class Service {
 public:
  struct Parts {
    store::AgentConfigStore& configs;
    store::TemplateStore& templates;
    store::TeamSpecStore& teams;
    store::SkillStore& skills;
    store::SessionStore& sessions;
    store::RunStore& runs;
    store::ApprovalStore& approvals;
    store::EventLog& log;
    store::IdempotencyStore& keys;
    store::TriggerStore& triggers;
    const Sealer& sealer;       // Of the secrets of webhooks.
    std::string memory_folder;  // What agents remember; made where it is missing.
    pool::PoolClient& pool;
    model::ModelClient& model;
    net::Guard guard;  // The server's own: identifies callers of the public routes. May be empty.
  };

  // The error of a bad template file names the file.
  static Result<std::unique_ptr<Service>> open(asio::any_io_executor executor, Parts parts,
                                               AgentServiceConfig config);
  ~Service();  // Only after stop().

  // Ends the runs that a crash cut off. Serve nothing before it returned.
  Task<Result<void>> start();
  // For GET /health and /ready, which every role has alike (net/service_routes.h).
  Task<net::Health> health();
  // Every other route of the role. Refers to the service.
  net::Router router();
  // Refuses new runs, waits up to agent.drain_timeout for the live ones, then interrupts them. Streams end by
  // themselves then: stop the server afterwards, or at the same time.
  Task<void> stop();

 private:
  struct Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace isa::agent
