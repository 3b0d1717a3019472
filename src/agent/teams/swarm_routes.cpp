#include "agent/teams/swarm_routes.h"

#include "agent/run_answers.h"
#include "net/trace_headers.h"

namespace isa::agent {
namespace {

// The original's shape of a result, and what became of it. A run that ended without a result is an error.
Result<net::Response> answer(const RunId& run, const SessionId& session, const RunEnding& ending) {
  if (ending.terminal.type == sdk::EventType::error && ending.failure) return Failure(*ending.failure);
  json::object body = ending.terminal.metadata;
  body["success"] = !ending.failure;
  body["text"] = ending.terminal.content.value_or("");
  body["session_id"] = session.value();
  body["run_id"] = run.value();
  return with_ids(net::Response::json(200, std::move(body)), run, session);
}

}  // namespace

SwarmRoutes::Answer SwarmRoutes::swarm(net::Request& request, store::Once once) {
  co_return co_await whole(request, once, SwarmRoute::swarm);
}

SwarmRoutes::Answer SwarmRoutes::dag(net::Request& request, store::Once once) {
  co_return co_await whole(request, once, SwarmRoute::dag);
}

SwarmRoutes::Answer SwarmRoutes::whole(net::Request& request, const store::Once& once, SwarmRoute route) {
  ISA_CO_TRY(const auto run, co_await begin(request, once, route));
  ISA_CO_TRYV(co_await engine_.accepted(run));
  if (!co_await engine_.ended_or_waiting(run)) co_return unfinished_answer(*run);
  co_return answer(run->id, run->order.session.id, *run->ending);
}

SwarmRoutes::Answer SwarmRoutes::stream(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto run, co_await begin(request, once, SwarmRoute::either));
  ISA_CO_TRYV(co_await engine_.accepted(run));
  co_return streamed(std::move(run), nullptr);
}

SwarmRoutes::Answer SwarmRoutes::made(net::Request& request, store::Once once) {
  const auto id = once.new_id<RunId>();
  if (const auto live = engine_.registry().find(id)) {
    ISA_CO_TRYV(co_await engine_.accepted(live));
    if (!co_await engine_.ended_or_waiting(live)) co_return unfinished_answer(*live);
    co_return answer(id, live->order.session.id, *live->ending);
  }
  ISA_CO_TRY(const auto run, co_await runs_.find(request.identity, id));
  ISA_CO_TRY(const auto events, co_await runs_.events(id, 0));
  co_return answer(id, run.session_id, ending_in(events));
}

SwarmRoutes::Answer SwarmRoutes::stream_made(net::Request& request, store::Once once) {
  const auto id = once.new_id<RunId>();
  if (auto live = engine_.registry().find(id)) {
    ISA_CO_TRYV(co_await engine_.accepted(live));
    co_return streamed(std::move(live), nullptr);
  }
  ISA_CO_TRY(const auto run, co_await runs_.find(request.identity, id));
  ISA_CO_TRY(auto events, co_await runs_.events(id, 0));
  co_return replayed(run, std::move(events));
}

Task<Result<std::shared_ptr<LiveRun>>> SwarmRoutes::begin(const net::Request& request,
                                                          const store::Once& once, SwarmRoute route) {
  ISA_CO_TRY(auto body, parse_swarm(request.body, route));
  TeamOptions options;
  if (body.multi_agent_id) {
    auto team =
        co_await teams_.find(request.identity, *body.multi_agent_id, std::move(body.entry_agent_override));
    // Nobody's agent names it: this request does.
    if (!team && team.error().code() == "team_not_found")
      co_return not_found("/multi_agent_id: the team '{}' does not exist, or is not shared with you",
                          body.multi_agent_id->value())
          .with_code("team_not_found")
          .with_param("/multi_agent_id");
    if (!team) co_return std::move(team).error();
    options.team = *std::move(team);
    ISA_CO_TRYV(check_route(options.team.spec, route));
  } else {
    options.team.spec = *std::move(body.team);
  }
  options.session_id = std::move(body.session_id);
  options.env = body.env;
  options.metadata = std::move(body.metadata);
  // A request that is executed once more finds the session that the first attempt may have made.
  if (once.has_key && !options.session_id) options.session_id = once.new_id<SessionId>();
  ISA_CO_TRY(auto order,
             co_await planner_.plan_team(request.identity, std::move(options), std::move(body.message)));
  order.id = once.new_id<RunId>();
  order.trace = net::trace_of(request.headers);
  co_return engine_.start(std::move(order));
}

}  // namespace isa::agent
