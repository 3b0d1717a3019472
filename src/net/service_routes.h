// The routes that every role has: GET /health, GET /ready and GET /metrics (design: api.md, "For every
// role").
#pragma once

#include "net/router.h"

#include <functional>
#include <map>
#include <string>

namespace isa::net {

// How a role is. Asked for by every GET /health and /ready: answer from what is known, within milliseconds.
struct Health {
  bool is_ready = true;
  std::string reason;  // Why it is not ready, in words that an operator can act on.
  std::map<std::string, std::string> dependencies;  // "store" -> "ok", or what is wrong with it.
};
using HealthCheck = std::function<Task<Health>()>;

struct ServiceInfo {
  std::string role;
  std::string version;
  HealthCheck health;                         // Empty: always ready.
  std::function<std::string()> metrics_page;  // Empty: /metrics is a 404.
  std::string metrics_token;  // The bearer token that may read /metrics from elsewhere; empty: none may.
};

// /health always answers 200 while the role runs, with {status: "ok" | "degraded", version, uptime_s, role,
// dependencies}; /ready answers 503 and the reason until requests can be served. Both are public. /metrics
// answers callers on this machine, and others by the token.
void add_service_routes(Router& router, ServiceInfo info);

}  // namespace isa::net
