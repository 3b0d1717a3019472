#include "agent/run_answers.h"

#include "agent/event_feed.h"

namespace isa::agent {

net::Response with_ids(net::Response response, const RunId& run, const SessionId& session) {
  response.headers.set("X-Run-Id", run.value());
  response.headers.set("X-Session-Id", session.value());
  return response;
}

net::Response streamed(std::shared_ptr<LiveRun> run, std::shared_ptr<ReaderBond> bond) {
  auto response = net::Response::sse([run, bond](net::BodyWriter& out) {
    return follow_live(std::shared_ptr<RunStream>(run, &run->stream), 0, out);
  });
  return with_ids(std::move(response), run->id, run->order.session.id);
}

net::Response unfinished_answer(const LiveRun& run) {
  json::object body;
  body["status"] = run.is_waiting() ? "waiting" : "queued";
  body["session_id"] = run.order.session.id.value();
  body["run_id"] = run.id.value();
  json::array questions;
  for (const auto& id : run.asked) questions.emplace_back(id.value());
  body["approvals"] = std::move(questions);
  return with_ids(net::Response::json(202, std::move(body)), run.id, run.order.session.id);
}

net::Response replayed(const store::Run& run, std::vector<store::LoggedEvent> events) {
  auto response = net::Response::sse(
      [id = run.id, events = std::move(events)](net::BodyWriter& out) { return replay(id, events, out); });
  return with_ids(std::move(response), run.id, run.session_id);
}

}  // namespace isa::agent
