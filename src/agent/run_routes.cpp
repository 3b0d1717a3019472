#include "agent/run_routes.h"

#include "agent/event_feed.h"

namespace isa::agent {
namespace {

// How long a cancel waits for the run's end before it answers with the run as it is.
constexpr std::chrono::seconds kCancelWait{10};

// {"run_id","state","events":[...]}: those after the asked place that may be shown now.
net::Response as_json(const store::Run& run, const std::vector<store::LoggedEvent>& events) {
  std::string body = fmt::format(R"({{"run_id":{},"state":"{}","events":[)",
                                 json::serialize(json::value(run.id.value())), json::name_of(run.state));
  for (std::size_t i = 0; i < events.size(); ++i) {
    if (i > 0) body += ',';
    body += *events[i].json;
  }
  body += "]}";
  return net::Response::text(200, "application/json", std::move(body));
}

// JSON for who asks for it alone; a stream for EventSource and for who does not say.
bool wants_json(const net::Request& request) {
  const auto accept = request.headers.get("Accept");
  return accept.find("application/json") != std::string_view::npos &&
         accept.find("text/event-stream") == std::string_view::npos;
}

}  // namespace

RunRoutes::Answer RunRoutes::get(net::Request& request) {
  ISA_CO_TRY(const auto run, co_await find(request));
  co_return net::Response::json(200, json::write(run));
}

RunRoutes::Answer RunRoutes::events(net::Request& request) {
  ISA_CO_TRY(const auto run, co_await find(request));
  ISA_CO_TRY(const auto after, resume_point(request, run.id));
  // Live first: a run leaves the registry only when the store has it.
  if (const auto live = engine_.registry().find(run.id)) {
    if (wants_json(request)) co_return as_json(run, live->stream.events_after(after));
    co_return net::Response::sse([live, after](net::BodyWriter& out) {
      return follow_live(std::shared_ptr<RunStream>(live, &live->stream), after, out);
    });
  }
  ISA_CO_TRY(auto events, co_await runs_.events(run.id, after));
  if (wants_json(request)) co_return as_json(run, events);
  co_return net::Response::sse(
      [id = run.id, events = std::move(events)](net::BodyWriter& out) { return replay(id, events, out); });
}

RunRoutes::Answer RunRoutes::cancel(net::Request& request) {
  ISA_CO_TRY(const auto run, co_await find(request));
  if (const auto live = engine_.registry().find(run.id)) {
    live->request_stop(StopReason::asked);
    co_await engine_.ended(live, request.deadline.tightened(kCancelWait));
  }
  ISA_CO_TRY(const auto now, co_await find(request));
  co_return net::Response::json(200, json::write(now));
}

Task<Result<store::Run>> RunRoutes::find(const net::Request& request) {
  const RunId id(request.param("id"));
  auto found = co_await runs_.find(request.identity, id);
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return not_found("run '{}' does not exist", id.value());
  co_return found;
}

}  // namespace isa::agent
