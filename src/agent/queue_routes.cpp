#include "agent/queue_routes.h"

#include "agent/chat_request.h"

namespace isa::agent {
namespace {

struct Edit {
  std::optional<std::string> message;
  Presence<RunId> before;  // null: to the end of the queue.
};
BOOST_DESCRIBE_STRUCT(Edit, (), (message, before))

struct Steer {
  std::optional<std::string> message;
};
BOOST_DESCRIBE_STRUCT(Steer, (), (message))

bool is_queued(const RunEngine& engine, const LiveRun& run) {
  return run.row.state == store::RunState::queued && run.stop == StopReason::none &&
         engine.registry().ahead_of(run) > 0;
}

Error not_queued(const LiveRun& run) {
  return conflict("run {} does not wait in its session's queue any more", run.id.value())
      .with_code("not_queued");
}

// {run_id, state, message, position, waits_for}: position 0 is the run that is under way.
json::object entry(const LiveRun& run, std::size_t position, const LiveRun* ahead) {
  json::object to{
      {"run_id", run.id.value()}, {"state", json::name_of(run.row.state)}, {"message", run.order.message}};
  to["position"] = position;
  to["waits_for"] = ahead ? json::value(ahead->id.value()) : json::value(nullptr);
  return to;
}

net::Response queue_of(const RunEngine& engine, const SessionId& session) {
  json::array entries;
  const LiveRun* ahead = nullptr;
  const auto runs = engine.registry().of_session(session);
  for (const auto& run : runs) {
    entries.push_back(entry(*run, entries.size(), ahead));
    ahead = run.get();
  }
  json::object body{{"queue", std::move(entries)}};
  return net::Response::json(200, std::move(body));
}

}  // namespace

QueueRoutes::Answer QueueRoutes::list(net::Request& request) {
  const SessionId id(request.param("id"));
  const auto found = co_await sessions_.find(request.identity, id);
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return not_found("session '{}' does not exist", id.value());
  if (!found) co_return Failure(found.error());
  co_return queue_of(engine_, id);
}

QueueRoutes::Answer QueueRoutes::edit(net::Request& request) {
  ISA_CO_TRY(auto body, json::parse_as<Edit>(request.body));
  if (!body.message && !body.before.is_present())
    co_return validation_error("expected 'message' or 'before': nothing would change");
  if (body.message) ISA_CO_TRYV(check_message("message", *body.message));
  ISA_CO_TRY(const auto run, co_await live(request));
  if (!is_queued(engine_, *run)) co_return not_queued(*run);
  if (body.before.is_present()) {
    const auto before = body.before.has_value() ? std::optional(*body.before) : std::nullopt;
    ISA_CO_TRYV(move(*run, before));
  }
  if (body.message) ISA_CO_TRYV(co_await edit_message(*run, *std::move(body.message)));
  co_return queue_of(engine_, run->order.session.id);
}

QueueRoutes::Answer QueueRoutes::steer(net::Request& request) {
  Steer body;
  if (!request.body.empty()) {
    ISA_CO_TRY(body, json::parse_as<Steer>(request.body));
  }
  ISA_CO_TRY(const auto run, co_await live(request));
  RunId into = run->id;
  if (body.message) {
    ISA_CO_TRYV(check_message("message", *body.message));
    ISA_CO_TRYV(co_await engine_.steer(*run, *std::move(body.message)));
  } else {
    ISA_CO_TRY(into, co_await hand_over(run));
  }
  json::object answer{{"run_id", into.value()}, {"status", "taken"}};
  co_return net::Response::json(200, std::move(answer));
}

// In memory first: whatever begins the run from now on begins it with these words.
Task<Result<void>> QueueRoutes::edit_message(LiveRun& run, std::string message) {
  auto former = std::exchange(run.order.message, message);
  run.row.message = message;
  auto stored = co_await runs_.edit_message(run.id, std::move(message));
  if (stored) co_return ok();
  if (run.row.state == store::RunState::queued) run.order.message = run.row.message = std::move(former);
  if (stored.error().kind() == ErrorKind::conflict) co_return not_queued(run);
  co_return stored;
}

Result<void> QueueRoutes::move(const LiveRun& run, const std::optional<RunId>& before) {
  if (!before) {
    engine_.queues().move(run, nullptr);
    return ok();
  }
  const auto other = engine_.registry().find(*before);
  if (!other || other->order.session.id != run.order.session.id || !is_queued(engine_, *other) ||
      other->id == run.id)
    return conflict("run {} is no other run that waits in the same queue", before->value())
        .with_code("not_queued");
  engine_.queues().move(run, other.get());
  return ok();
}

// The queued run's message to the run that is under way; the queued one ends as `steered` then.
Task<Result<RunId>> QueueRoutes::hand_over(std::shared_ptr<LiveRun> queued) {
  if (!is_queued(engine_, *queued))
    co_return conflict("run {} does not wait; send the 'message' that it shall hear", queued->id.value())
        .with_code("not_queued");
  const auto current = engine_.registry().of_session(queued->order.session.id).front();
  ISA_CO_TRYV(co_await engine_.steer(*current, queued->order.message));
  queued->request_stop(StopReason::steered);
  co_await engine_.ended(queued, Deadline::after(std::chrono::seconds(10)));
  co_return current->id;
}

Task<Result<std::shared_ptr<LiveRun>>> QueueRoutes::live(const net::Request& request) {
  const RunId id(request.param("id"));
  const auto found = co_await runs_.find(request.identity, id);
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return not_found("run '{}' does not exist", id.value());
  if (!found) co_return Failure(found.error());
  auto run = engine_.registry().find(id);
  if (!run) co_return conflict("run {} is over", id.value()).with_code("not_queued");
  co_return run;
}

}  // namespace isa::agent
