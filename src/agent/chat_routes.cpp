#include "agent/chat_routes.h"

#include "agent/run_answers.h"
#include "net/trace_headers.h"

namespace isa::agent {
namespace {

// A run that is over.
struct Ended {
  RunId run;
  SessionId session;
  RunEnding ending;
};

Ended ended(const LiveRun& run) {
  return {run.id, run.order.session.id, *run.ending};
}

Result<net::Response> chat_answer(const Ended& of) {
  const auto& ending = of.ending;
  if (ending.failure) return Failure(*ending.failure);
  json::object body;
  body["status"] = "success";
  body["response"] = ending.response.value_or("");
  body["session_id"] = of.session.value();
  body["run_id"] = of.run.value();
  body["usage"] = ending.usage ? json::value(*ending.usage) : nullptr;
  body["duration_ms"] = ending.session_end.metadata.at("duration_ms");
  if (const auto* output = ending.terminal.metadata.if_contains("structured_output"))
    body["structured_output"] = *output;
  return with_ids(net::Response::json(200, std::move(body)), of.run, of.session);
}

net::Response query_answer(const Ended& of) {
  const auto& ending = of.ending;
  json::object answer;
  answer["success"] = !ending.failure;
  answer["response"] = ending.response.value_or("");
  if (ending.failure) answer["error"] = ending.failure->message();
  return with_ids(net::Response::json(200, std::move(answer)), of.run, of.session);
}

}  // namespace

ChatRoutes::Answer ChatRoutes::chat(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto body, parse_chat(request.body));
  const bool ends_with_reader = body.cancel_on_disconnect.value_or(false);
  const bool streams = body.stream.value_or(true);
  auto message = std::move(body.message);
  ISA_CO_TRY(auto run, co_await begin(request, once, std::move(body), std::move(message)));
  const auto bond = ends_with_reader ? std::make_shared<ReaderBond>(run) : nullptr;
  ISA_CO_TRYV(co_await engine_.accepted(run));
  if (streams) co_return streamed(std::move(run), bond);
  if (!co_await engine_.ended_or_waiting(run)) co_return unfinished_answer(*run);
  co_return chat_answer(ended(*run));
}

ChatRoutes::Answer ChatRoutes::chat_made(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto body, parse_chat(request.body));
  const bool streams = body.stream.value_or(true);
  const auto id = once.new_id<RunId>();
  if (auto live = engine_.registry().find(id)) {
    ISA_CO_TRYV(co_await engine_.accepted(live));
    if (streams) co_return streamed(std::move(live), nullptr);
    if (!co_await engine_.ended_or_waiting(live)) co_return unfinished_answer(*live);
    co_return chat_answer(ended(*live));
  }
  ISA_CO_TRY(const auto run, co_await runs_.find(request.identity, id));
  ISA_CO_TRY(auto events, co_await runs_.events(id, 0));
  if (streams) co_return replayed(run, std::move(events));
  co_return chat_answer({run.id, run.session_id, ending_in(events)});
}

ChatRoutes::Answer ChatRoutes::query(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto body, parse_query(request.body));
  auto prompt = std::move(body.prompt);
  ISA_CO_TRY(auto run, co_await begin(request, once, std::move(body), std::move(prompt)));
  ISA_CO_TRYV(co_await engine_.accepted(run));
  if (!co_await engine_.ended_or_waiting(run)) co_return unfinished_answer(*run);
  co_return query_answer(ended(*run));
}

ChatRoutes::Answer ChatRoutes::query_made(net::Request& request, store::Once once) {
  const auto id = once.new_id<RunId>();
  if (const auto live = engine_.registry().find(id)) {
    ISA_CO_TRYV(co_await engine_.accepted(live));
    if (!co_await engine_.ended_or_waiting(live)) co_return unfinished_answer(*live);
    co_return query_answer(ended(*live));
  }
  ISA_CO_TRY(const auto run, co_await runs_.find(request.identity, id));
  ISA_CO_TRY(const auto events, co_await runs_.events(id, 0));
  co_return query_answer({run.id, run.session_id, ending_in(events)});
}

Task<Result<std::shared_ptr<LiveRun>>> ChatRoutes::begin(const net::Request& request, const store::Once& once,
                                                         ChatOptions options, std::string message) {
  // A request that is executed once more finds the session that the first attempt may have made.
  if (once.has_key && !options.session_id) options.session_id = once.new_id<SessionId>();
  ISA_CO_TRY(auto order, co_await planner_.plan(request.identity, std::move(options), std::move(message)));
  order.id = once.new_id<RunId>();
  order.trace = net::trace_of(request.headers);
  co_return engine_.start(std::move(order));
}

}  // namespace isa::agent
