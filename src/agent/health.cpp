#include "agent/health.h"

namespace isa::agent {
namespace {

// A dependency that does not answer within this time counts as down.
constexpr std::chrono::seconds kAnswerWait{2};

}  // namespace

// 503 without the store, since nothing works then; a pool or a model that is down degrades the service only.
Task<Result<net::Response>> Health::health(net::Request&) {
  json::object dependencies;
  const auto store = co_await store_state();
  const auto pool = co_await pool_state();
  const auto model = co_await model_state();
  dependencies["store"] = store;
  dependencies["pool_manager"] = pool;
  dependencies["model"] = model;
  const bool is_whole = pool == "ok" && model == "ok";
  json::object body;
  body["status"] = store != "ok" ? "unhealthy" : is_whole ? "healthy" : "degraded";
  body["service"] = "agent";
  body["version"] = version_;
  body["uptime_s"] =
      std::chrono::duration_cast<std::chrono::seconds>(Deadline::Clock::now() - started_).count();
  body["dependencies"] = std::move(dependencies);
  co_return net::Response::json(store == "ok" ? 200 : 503, std::move(body));
}

Task<Result<net::Response>> Health::ready(net::Request&) {
  if (!is_ready_) co_return service_unavailable("the agent service is starting or stopping");
  json::object body{{"status", "ready"}};
  co_return net::Response::json(200, std::move(body));
}

Task<std::string> Health::store_state() {
  const auto found =
      co_await with_deadline(Deadline::after(kAnswerWait), configs_.find({}, AgentId("agent_health")));
  co_return found || found.error().kind() == ErrorKind::not_found ? "ok" : found.error().message();
}

Task<std::string> Health::pool_state() {
  const auto stats = co_await with_deadline(Deadline::after(kAnswerWait), pool_.stats("agent"));
  co_return stats ? "ok" : stats.error().message();
}

Task<std::string> Health::model_state() {
  const auto checked = co_await with_deadline(Deadline::after(kAnswerWait), model_.check(default_model_));
  co_return checked ? "ok" : checked.error().message();
}

}  // namespace isa::agent
