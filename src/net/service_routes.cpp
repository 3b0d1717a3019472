#include "net/service_routes.h"

#include "net/text.h"

namespace isa::net {
namespace {

using Clock = std::chrono::steady_clock;

struct Service {
  ServiceInfo info;
  Clock::time_point started = Clock::now();
};
using ServicePtr = std::shared_ptr<const Service>;

Task<Health> ask(const Service& service) {
  if (!service.info.health) co_return Health();
  co_return co_await service.info.health();
}

json::object describe(const Service& service, const Health& health, std::string_view status) {
  json::object dependencies;
  for (const auto& [name, state] : health.dependencies) dependencies[name] = state;
  json::object body;
  body["status"] = status;
  body["version"] = service.info.version;
  body["uptime_s"] = std::chrono::duration_cast<std::chrono::seconds>(Clock::now() - service.started).count();
  body["role"] = service.info.role;
  body["dependencies"] = std::move(dependencies);
  return body;
}

Task<Result<Response>> answer_health(ServicePtr service) {
  const auto health = co_await ask(*service);
  co_return Response::json(200, describe(*service, health, health.is_ready ? "ok" : "degraded"));
}

Task<Result<Response>> answer_ready(ServicePtr service) {
  const auto health = co_await ask(*service);
  if (!health.is_ready)
    co_return service_unavailable("{} is not ready: {}", service->info.role, health.reason)
        .with_code("not_ready");
  co_return Response::json(200, describe(*service, health, "ready"));
}

// Takes the same time wherever the first difference is.
bool equals_secretly(std::string_view given, std::string_view secret) {
  if (given.size() != secret.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < given.size(); ++i)
    difference |= static_cast<unsigned char>(given[i] ^ secret[i]);
  return difference == 0;
}

bool may_read_metrics(const Service& service, const Request& request) {
  if (request.peer == "unix" || request.peer == "::1" || is_loopback_v4(request.peer)) return true;
  std::string_view token = request.headers.get("Authorization");
  const auto scheme = take_until(token, ' ');
  return !service.info.metrics_token.empty() && equals_ignoring_case(scheme, "Bearer") &&
         equals_secretly(trim(token), service.info.metrics_token);
}

Task<Result<Response>> answer_metrics(ServicePtr service, const Request& request) {
  if (!may_read_metrics(*service, request))
    co_return unauthorized(
        "/metrics answers callers on its own machine, and others by the token of metrics.token");
  co_return Response::text(200, "text/plain; version=0.0.4; charset=utf-8", service->info.metrics_page());
}

}  // namespace

void add_service_routes(Router& router, ServiceInfo info) {
  const auto service = std::make_shared<const Service>(Service{std::move(info)});
  RouteOptions options;
  options.is_public = true;
  router.add({Method::get, "/health", [service](Request&) { return answer_health(service); }, options});
  router.add({Method::get, "/ready", [service](Request&) { return answer_ready(service); }, options});
  if (!service->info.metrics_page) return;
  router.add({Method::get, "/metrics",
              [service](Request& request) { return answer_metrics(service, request); }, options});
}

}  // namespace isa::net
