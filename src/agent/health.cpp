#include "agent/health.h"

namespace isa::agent {
namespace {

// A dependency that does not answer within this time counts as down.
constexpr std::chrono::milliseconds kAnswerWait{500};

}  // namespace

Task<net::Health> HealthProbe::ask() {
  net::Health health;
  const auto store = co_await store_state();
  health.dependencies["pool_manager"] = co_await pool_state();
  health.dependencies["model"] = co_await model_state();
  health.dependencies["store"] = store;
  health.is_ready = is_serving_ && store == "ok";
  if (!is_serving_)
    health.reason = "it is starting or stopping";
  else if (!health.is_ready)
    health.reason = "the store: " + store;
  co_return health;
}

Task<std::string> HealthProbe::store_state() {
  const auto found =
      co_await with_deadline(Deadline::after(kAnswerWait), configs_.find({}, AgentId("agent_health")));
  co_return found || found.error().kind() == ErrorKind::not_found ? "ok" : found.error().message();
}

Task<std::string> HealthProbe::pool_state() {
  const auto stats = co_await with_deadline(Deadline::after(kAnswerWait), pool_.stats("agent"));
  co_return stats ? "ok" : stats.error().message();
}

Task<std::string> HealthProbe::model_state() {
  const auto checked = co_await with_deadline(Deadline::after(kAnswerWait), model_.check(default_model_));
  co_return checked ? "ok" : checked.error().message();
}

}  // namespace isa::agent
