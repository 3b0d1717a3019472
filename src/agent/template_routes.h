#pragma once

#include "agent/templates.h"
#include "net/server.h"
#include "store/idempotency_keys.h"

namespace isa::agent {

// /api/v1/agents/templates. Reading is public; whoever says who they are sees their own templates too.
class TemplateRoutes {
 public:
  // `guard` identifies the callers of the public routes; without one they see what is built in.
  TemplateRoutes(TemplateCatalog& templates, net::Guard guard)
      : templates_(templates), guard_(std::move(guard)) {}

  using Answer = Task<Result<net::Response>>;
  Answer list(net::Request& request);
  Answer get(net::Request& request);
  Answer create(net::Request& request, store::Once once);
  Answer made(net::Request& request,
              store::Once once);  // By an earlier create with the same Idempotency-Key.
  Answer replace(net::Request& request);
  Answer remove(net::Request& request);

 private:
  TemplateCatalog& templates_;
  net::Guard guard_;
};

}  // namespace isa::agent
