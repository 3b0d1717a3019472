#include "agent/session_routes.h"

#include "agent/chat_planner.h"
#include "agent/field_rules.h"
#include "agent/paging.h"
#include "agent/session_export.h"
#include "agent/session_fork.h"

namespace isa::agent {
namespace {

struct CreateSession {
  std::optional<SessionId> session_id;
  std::optional<AgentId> agent_config_id;
  std::optional<std::string> title;
};
BOOST_DESCRIBE_STRUCT(CreateSession, (), (session_id, agent_config_id, title))

Result<CreateSession> parse_body(const std::string& text, const store::Once& once) {
  CreateSession body;
  if (!text.empty()) {
    ISA_TRY(body, json::parse_as<CreateSession>(text));
  }
  if (!body.session_id) body.session_id = once.new_id<SessionId>();
  ISA_TRYV(check_id("session_id", body.session_id->value()));
  if (body.title) ISA_TRYV(check_length("title", *body.title, 0, 200));
  return body;
}

// At most one of after_event and run_id; without both, everything that was said so far.
struct ForkSession {
  using json_defaults = void;
  std::optional<std::string> after_event;
  std::optional<RunId> run_id;
  std::optional<std::string> title;
};
BOOST_DESCRIBE_STRUCT(ForkSession, (), (after_event, run_id, title))

Error no_session(const SessionId& id) {
  return not_found("session '{}' does not exist", id.value());
}

}  // namespace

SessionRoutes::Answer SessionRoutes::list(net::Request& request) {
  ISA_CO_TRY(auto asked, page_asked(request));
  ISA_CO_TRY(const auto page,
             co_await sessions_.list(request.identity, std::move(asked.cursor), asked.limit));
  co_return net::Response::json(200, page_body("sessions", page));
}

SessionRoutes::Answer SessionRoutes::create(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto body, parse_body(request.body, once));
  std::optional<store::AgentConfig> agent;
  if (body.agent_config_id) {
    ISA_CO_TRY(agent, co_await configs_.find(request.identity, *body.agent_config_id));
  }
  const auto wanted = body.session_id;
  auto session = ChatPlanner::new_session(request.identity, wanted, agent ? &*agent : nullptr, "");
  session.title = body.title.value_or("");
  auto created = co_await sessions_.create(session);
  if (created) co_return net::Response::json(200, json::write(session));
  if (created.error().kind() != ErrorKind::conflict) co_return std::move(created).error();
  // Whose it is decides what may be said of it.
  const auto own = co_await sessions_.find(request.identity, session.id);
  if (!own) co_return no_session(session.id);
  co_return conflict("session '{}' exists already", session.id.value());
}

SessionRoutes::Answer SessionRoutes::made(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto body, parse_body(request.body, once));
  ISA_CO_TRY(const auto session, co_await sessions_.find(request.identity, *body.session_id));
  // One of that name that was there before is in the way of this request, not made by it.
  if (session.created_at < once.since)
    co_return not_found("session '{}' was not made by this request", session.id.value());
  co_return net::Response::json(200, json::write(session));
}

SessionRoutes::Answer SessionRoutes::get(net::Request& request) {
  ISA_CO_TRY(const auto session, co_await find(request));
  co_return net::Response::json(200, json::write(session));
}

SessionRoutes::Answer SessionRoutes::remove(net::Request& request) {
  ISA_CO_TRY(const auto session, co_await find(request));
  co_await engine_.forget_session(session.id);
  ISA_CO_TRYV(co_await sessions_.remove(request.identity, session.id));
  json::object body{{"id", session.id.value()}, {"deleted", true}};
  co_return net::Response::json(200, std::move(body));
}

SessionRoutes::Answer SessionRoutes::messages(net::Request& request) {
  ISA_CO_TRY(const auto session, co_await find(request));
  ISA_CO_TRY(const auto messages, co_await sessions_.messages(request.identity, session.id));
  json::object body{{"messages", json::write(messages)}};
  co_return net::Response::json(200, std::move(body));
}

SessionRoutes::Answer SessionRoutes::runs(net::Request& request) {
  ISA_CO_TRY(const auto session, co_await find(request));
  ISA_CO_TRY(const auto runs, co_await runs_.list(request.identity, session.id));
  json::object body{{"runs", json::write(runs)}};
  co_return net::Response::json(200, std::move(body));
}

Task<Result<store::SessionFork>> SessionRoutes::planned_fork(const net::Request& request, SessionId id) {
  ForkSession body;
  if (!request.body.empty()) {
    ISA_CO_TRY(body, json::parse_as<ForkSession>(request.body));
  }
  if (body.title) ISA_CO_TRYV(check_length("title", *body.title, 0, 200));
  if (body.after_event && body.run_id)
    co_return validation_error("/run_id: after_event names the run already; send one of them")
        .with_param("/run_id");
  ISA_CO_TRY(const auto from, co_await find(request));
  store::SessionFork fork{from, body.run_id, {}};
  fork.session.id = std::move(id);
  fork.session.title = body.title.value_or(from.title);
  fork.session.created_at = fork.session.updated_at = now();
  fork.session.forked_from = from.id;
  fork.session.fork_point = body.after_event;
  if (body.run_id) fork.session.fork_point = body.run_id->value();
  if (!body.after_event) co_return fork;
  ISA_CO_TRY(const auto point, parse_fork_point(*body.after_event));
  fork.through = point.run;
  const auto run = co_await runs_.find(request.identity, point.run);
  // Whether it is of this session, and has ended, is for the store to say.
  if (!run || !run->ended_at) co_return fork;
  ISA_CO_TRY(const auto events, co_await runs_.events(point.run, 0));
  ISA_CO_TRY(auto messages, co_await sessions_.messages(request.identity, from.id));
  std::erase_if(messages, [&](const auto& one) { return one.run_id != point.run; });
  ISA_CO_TRY(fork.of_last_run, history_until(messages, events, point.seq));
  co_return fork;
}

SessionRoutes::Answer SessionRoutes::fork(net::Request& request, store::Once once) {
  ISA_CO_TRY(auto fork, co_await planned_fork(request, once.new_id<SessionId>()));
  const auto session = fork.session;
  ISA_CO_TRYV(co_await sessions_.fork(request.identity, std::move(fork)));
  co_return net::Response::json(200, json::write(session));
}

SessionRoutes::Answer SessionRoutes::forked_already(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto session, co_await sessions_.find(request.identity, once.new_id<SessionId>()));
  co_return net::Response::json(200, json::write(session));
}

SessionRoutes::Answer SessionRoutes::export_all(net::Request& request) {
  SessionExport document;
  ISA_CO_TRY(document.session, co_await find(request));
  const auto id = document.session.id;
  ISA_CO_TRY(document.messages, co_await sessions_.messages(request.identity, id));
  ISA_CO_TRY(document.runs, co_await runs_.list(request.identity, id));
  co_return export_response(std::move(document), runs_, engine_);
}

Task<Result<store::Session>> SessionRoutes::find(const net::Request& request) {
  const SessionId id(request.param("id"));
  auto found = co_await sessions_.find(request.identity, id);
  if (!found && found.error().kind() == ErrorKind::not_found) co_return no_session(id);
  co_return found;
}

}  // namespace isa::agent
