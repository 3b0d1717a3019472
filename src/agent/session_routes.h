#pragma once

#include "agent/run_engine.h"
#include "net/http.h"
#include "store/agent_config.h"
#include "store/idempotency_keys.h"

namespace isa::agent {

// /api/v1/agents/sessions
class SessionRoutes {
 public:
  SessionRoutes(store::SessionStore& sessions, store::RunStore& runs, store::AgentConfigStore& configs,
                RunEngine& engine)
      : sessions_(sessions), runs_(runs), configs_(configs), engine_(engine) {}

  using Answer = Task<Result<net::Response>>;
  Answer list(net::Request& request);
  Answer create(net::Request& request, store::Once once);
  Answer made(net::Request& request,
              store::Once once);  // By an earlier create with the same Idempotency-Key.
  Answer get(net::Request& request);
  Answer remove(net::Request& request);
  Answer messages(net::Request& request);
  Answer runs(net::Request& request);
  Answer fork(net::Request& request, store::Once once);
  Answer forked_already(net::Request& request, store::Once once);
  Answer export_all(net::Request& request);

 private:
  Task<Result<store::SessionFork>> planned_fork(const net::Request& request, SessionId id);
  Task<Result<store::Session>> find(const net::Request& request);

  store::SessionStore& sessions_;
  store::RunStore& runs_;
  store::AgentConfigStore& configs_;
  RunEngine& engine_;
};

}  // namespace isa::agent
