#pragma once

#include "agent/chat_planner.h"
#include "agent/run_engine.h"
#include "agent/teams/swarm_request.h"
#include "net/http.h"
#include "store/idempotency_keys.h"

namespace isa::agent {

// POST /api/v1/agents/swarm, /swarm/dag and /swarm/stream: a run of a team that the request brings itself, or
// of a kept one. The first two wait for its end; the last shows its events.
class SwarmRoutes {
 public:
  SwarmRoutes(ChatPlanner& planner, TeamPlanner& teams, store::RunStore& runs, RunEngine& engine)
      : planner_(planner), teams_(teams), runs_(runs), engine_(engine) {}

  using Answer = Task<Result<net::Response>>;
  Answer swarm(net::Request& request, store::Once once);
  Answer dag(net::Request& request, store::Once once);
  Answer stream(net::Request& request, store::Once once);
  // The run that an earlier request with the same Idempotency-Key began.
  Answer made(net::Request& request, store::Once once);
  Answer stream_made(net::Request& request, store::Once once);

 private:
  Task<Result<std::shared_ptr<LiveRun>>> begin(const net::Request& request, const store::Once& once,
                                               SwarmRoute route);
  Answer whole(net::Request& request, const store::Once& once, SwarmRoute route);

  ChatPlanner& planner_;
  TeamPlanner& teams_;
  store::RunStore& runs_;
  RunEngine& engine_;
};

}  // namespace isa::agent
