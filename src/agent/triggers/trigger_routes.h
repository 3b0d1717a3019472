#pragma once

#include "agent/triggers/triggers.h"
#include "net/http.h"
#include "store/idempotency_keys.h"

namespace isa::agent {

// /api/v1/agents/triggers, /events and /hooks
class TriggerRoutes {
 public:
  explicit TriggerRoutes(Triggers& triggers) : triggers_(triggers) {}

  using Answer = Task<Result<net::Response>>;
  Answer list(net::Request& request);
  Answer create(net::Request& request, store::Once once);
  Answer made(net::Request& request,
              store::Once once);  // By an earlier create with the same Idempotency-Key.
  Answer get(net::Request& request);
  Answer patch(net::Request& request);
  Answer remove(net::Request& request);
  Answer fire(net::Request& request, store::Once once);
  Answer fired_already(net::Request& request, store::Once once);
  Answer firings(net::Request& request);
  Answer event(net::Request& request, store::Once once);
  Answer hook(net::Request& request);

 private:
  Triggers& triggers_;
};

}  // namespace isa::agent
