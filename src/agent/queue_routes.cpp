#include "agent/queue_routes.h"

#include "agent/chat_request.h"
#include "net/trace_headers.h"

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
  return run.row.state == store::RunState::queued && run.stop == StopReason::none && !run.is_handed() &&
         engine.registry().ahead_of(run) > 0;
}

Error not_queued(const LiveRun& run) {
  if (run.is_handed())
    return conflict(
               "the message of run {} was handed to run {}, which is about to hear it: nobody can change it "
               "now",
               run.id.value(), run.speech->to.value())
        .with_code("not_queued");
  return conflict("run {} does not wait in its session's queue any more", run.id.value())
      .with_code("not_queued");
}

// {run_id, state, message, position, waits_for, speaks_to}: position 0 is the run that is under way.
json::object entry(const LiveRun& run, std::size_t position, const LiveRun* ahead) {
  json::object to{
      {"run_id", run.id.value()}, {"state", json::name_of(run.row.state)}, {"message", run.order.message}};
  to["position"] = position;
  to["waits_for"] = ahead ? json::value(ahead->id.value()) : json::value(nullptr);
  if (run.speech) to["speaks_to"] = run.speech->to.value();
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

// taken: the turn of `hearer` has the message. kept: it waits for a person, and hears it when it goes on.
// queued: the message is a run of its own. The queued run, if any, is `as`.
net::Response steered(std::string_view status, const RunId& hearer, const LiveRun* as) {
  json::object body{{"run_id", hearer.value()}, {"status", status}};
  if (as) body["queued_run_id"] = as->id.value();
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
  ISA_CO_TRY(const auto run, co_await live(request, "not_queued"));
  if (!is_queued(engine_, *run)) co_return not_queued(*run);
  if (body.before.is_present()) {
    const auto before = body.before.has_value() ? std::optional(*body.before) : std::nullopt;
    ISA_CO_TRYV(co_await move(*run, before));
    if (!is_queued(engine_, *run)) co_return not_queued(*run);  // It began meanwhile.
  }
  if (body.message) ISA_CO_TRYV(co_await edit_message(*run, *std::move(body.message)));
  co_return queue_of(engine_, run->order.session.id);
}

QueueRoutes::Answer QueueRoutes::steer(net::Request& request) {
  Steer body;
  if (!request.body.empty()) {
    ISA_CO_TRY(body, json::parse_as<Steer>(request.body));
  }
  ISA_CO_TRY(const auto run, co_await live(request, "turn_not_running"));
  if (!body.message) co_return co_await hand_over(*run);
  ISA_CO_TRYV(check_message("message", *body.message));
  co_return co_await say(*run, *std::move(body.message), net::trace_of(request.headers));
}

// To a run that waits for a person: as a queued run, which is in the store, and is one of its own if that run
// ends without having heard it.
QueueRoutes::Answer QueueRoutes::say(LiveRun& run, std::string message, TraceContext trace) {
  auto& words = engine_.hand_over();
  if (!run.is_waiting()) {
    ISA_CO_TRYV(co_await words.say(run, std::move(message)));
    co_return steered("taken", run.id, nullptr);
  }
  ISA_CO_TRYV(words.check_hears(run));
  auto order = order_after(run, std::move(message));
  order.trace = std::move(trace);
  ISA_CO_TRY(const auto queued, engine_.start(std::move(order)));
  ISA_CO_TRYV(co_await engine_.accepted(queued));
  const auto given = co_await words.give(*queued, run);
  if (given) co_return steered(run.is_waiting() ? "kept" : "taken", run.id, queued.get());
  co_return steered("queued", queued->id, queued.get());
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

// In memory first, too: the store gets the order as it is then, so that the last of two moves counts there as
// well.
Task<Result<void>> QueueRoutes::move(const LiveRun& run, const std::optional<RunId>& before) {
  std::shared_ptr<LiveRun> other;
  if (before) {
    other = engine_.registry().find(*before);
    if (!other || other->order.session.id != run.order.session.id || !is_queued(engine_, *other) ||
        other->id == run.id)
      co_return conflict("run {} is no other run that waits in the same queue", before->value())
          .with_code("not_queued");
  }
  engine_.queues().move(run, other.get());
  std::vector<std::pair<RunId, std::int64_t>> places;
  for (const auto& one : engine_.registry().of_session(run.order.session.id))
    places.emplace_back(one->id, one->place);
  co_return co_await runs_.put_in_place(std::move(places));
}

// The queued run's message to the run that is under way. Once that has heard it the queued one ends as
// `steered`.
QueueRoutes::Answer QueueRoutes::hand_over(LiveRun& queued) {
  // Asked twice is answered alike, while the other has not heard it.
  if (queued.is_handed()) co_return steered("taken", queued.speech->to, &queued);
  if (!is_queued(engine_, queued))
    co_return conflict("run {} does not wait; send the 'message' that it shall hear", queued.id.value())
        .with_code("not_queued");
  const auto current = engine_.registry().of_session(queued.order.session.id).front();
  ISA_CO_TRYV(co_await engine_.hand_over().give(queued, *current));
  co_return steered(current->is_waiting() ? "kept" : "taken", current->id, &queued);
}

Task<Result<std::shared_ptr<LiveRun>>> QueueRoutes::live(const net::Request& request,
                                                         std::string code_when_over) {
  const RunId id(request.param("id"));
  const auto found = co_await runs_.find(request.identity, id);
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return not_found("run '{}' does not exist", id.value());
  if (!found) co_return Failure(found.error());
  auto run = engine_.registry().find(id);
  if (!run) co_return conflict("run {} is over", id.value()).with_code(std::move(code_when_over));
  co_return run;
}

}  // namespace isa::agent
