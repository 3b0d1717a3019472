#pragma once

#include "agent/teams/team_rules.h"
#include "net/http.h"
#include "store/idempotency_keys.h"

namespace isa::agent {

// /api/v1/agents/multi-specs: the teams that somebody keeps.
class TeamRoutes {
 public:
  explicit TeamRoutes(store::TeamSpecStore& teams) : teams_(teams) {}

  using Answer = Task<Result<net::Response>>;
  Answer list(net::Request& request);
  Answer create(net::Request& request, store::Once once);
  Answer made(net::Request& request, store::Once once);
  Answer get(net::Request& request);
  Answer patch(net::Request& request);
  Answer remove(net::Request& request);
  Answer versions(net::Request& request);
  Answer version(net::Request& request);
  Answer rollback(net::Request& request, store::Once once);
  Answer rolled_back_already(net::Request& request,
                             store::Once once);  // By an earlier one with the same Idempotency-Key.

 private:
  Task<Result<store::TeamSpec>> find(Identity who, TeamId id);

  store::TeamSpecStore& teams_;
};

}  // namespace isa::agent
