#include "agent/session_routes.h"

#include "agent/chat_planner.h"
#include "agent/field_rules.h"
#include "agent/paging.h"

namespace isa::agent {
namespace {

struct CreateSession {
  std::optional<SessionId> session_id;
  std::optional<AgentId> agent_config_id;
  std::optional<std::string> title;
};
BOOST_DESCRIBE_STRUCT(CreateSession, (), (session_id, agent_config_id, title))

Result<CreateSession> parse_body(const std::string& text) {
  if (text.empty()) return CreateSession{};
  ISA_TRY(auto body, json::parse_as<CreateSession>(text));
  if (body.session_id) ISA_TRYV(check_id("session_id", body.session_id->value()));
  if (body.title) ISA_TRYV(check_length("title", *body.title, 0, 200));
  return body;
}

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

SessionRoutes::Answer SessionRoutes::create(net::Request& request) {
  ISA_CO_TRY(auto body, parse_body(request.body));
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

SessionRoutes::Answer SessionRoutes::get(net::Request& request) {
  ISA_CO_TRY(const auto session, co_await find(request));
  co_return net::Response::json(200, json::write(session));
}

SessionRoutes::Answer SessionRoutes::remove(net::Request& request) {
  ISA_CO_TRY(const auto session, co_await find(request));
  co_await engine_.forget_session(session.id);
  ISA_CO_TRYV(co_await sessions_.remove(request.identity, session.id, now()));
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

Task<Result<store::Session>> SessionRoutes::find(const net::Request& request) {
  const SessionId id(request.param("id"));
  auto found = co_await sessions_.find(request.identity, id);
  if (!found && found.error().kind() == ErrorKind::not_found) co_return no_session(id);
  co_return found;
}

}  // namespace isa::agent
