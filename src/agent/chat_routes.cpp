#include "agent/chat_routes.h"

#include "agent/event_feed.h"

namespace isa::agent {
namespace {

// Ends the run when its one reader is gone before it ended.
class ReaderBond {
 public:
  explicit ReaderBond(std::shared_ptr<LiveRun> run) : run_(std::move(run)) {}
  ReaderBond(const ReaderBond&) = delete;
  ReaderBond& operator=(const ReaderBond&) = delete;
  ~ReaderBond() { run_->request_stop(StopReason::asked); }

 private:
  std::shared_ptr<LiveRun> run_;
};

net::Response with_ids(net::Response response, const LiveRun& run) {
  response.headers.set("X-Run-Id", run.id.value());
  response.headers.set("X-Session-Id", run.order.session.id.value());
  return response;
}

net::Response streamed(std::shared_ptr<LiveRun> run, std::shared_ptr<ReaderBond> bond) {
  auto response = net::Response::sse([run, bond](net::BodyWriter& out) {
    return follow_live(std::shared_ptr<RunStream>(run, &run->stream), 0, out);
  });
  return with_ids(std::move(response), *run);
}

Result<net::Response> whole(const LiveRun& run) {
  const auto& ending = *run.ending;
  if (ending.failure) return Failure(*ending.failure);
  json::object body;
  body["status"] = "success";
  body["response"] = ending.response.value_or("");
  body["session_id"] = run.order.session.id.value();
  body["run_id"] = run.id.value();
  body["usage"] = ending.usage ? json::value(*ending.usage) : nullptr;
  body["duration_ms"] = ending.session_end.metadata.at("duration_ms");
  return with_ids(net::Response::json(200, std::move(body)), run);
}

}  // namespace

ChatRoutes::Answer ChatRoutes::chat(net::Request& request) {
  ISA_CO_TRY(auto body, parse_chat(request.body));
  const bool ends_with_reader = body.cancel_on_disconnect.value_or(false);
  const bool streams = body.stream.value_or(true);
  ISA_CO_TRY(auto run, co_await begin(request.identity, std::move(body), std::move(body.message)));
  const auto bond = ends_with_reader ? std::make_shared<ReaderBond>(run) : nullptr;
  ISA_CO_TRYV(co_await engine_.accepted(run));
  if (streams) co_return streamed(std::move(run), bond);
  co_await engine_.ended(run);
  co_return whole(*run);
}

ChatRoutes::Answer ChatRoutes::query(net::Request& request) {
  ISA_CO_TRY(auto body, parse_query(request.body));
  ISA_CO_TRY(auto run, co_await begin(request.identity, std::move(body), std::move(body.prompt)));
  ISA_CO_TRYV(co_await engine_.accepted(run));
  co_await engine_.ended(run);
  const auto& ending = *run->ending;
  json::object answer;
  answer["success"] = !ending.failure;
  answer["response"] = ending.response.value_or("");
  if (ending.failure) answer["error"] = ending.failure->message();
  co_return with_ids(net::Response::json(200, std::move(answer)), *run);
}

Task<Result<std::shared_ptr<LiveRun>>> ChatRoutes::begin(const Identity& who, ChatOptions options,
                                                         std::string message) {
  ISA_CO_TRY(auto order, co_await planner_.plan(who, std::move(options), std::move(message)));
  co_return engine_.start(std::move(order));
}

}  // namespace isa::agent
