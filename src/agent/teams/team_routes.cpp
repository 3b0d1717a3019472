#include "agent/teams/team_routes.h"

#include "agent/etag.h"
#include "agent/paging.h"

namespace isa::agent {
namespace {

// How often a change without If-Match is made again when another came first.
constexpr int kChangeAttempts = 8;

net::Response answer(const store::TeamSpec& team) {
  return versioned(json::write(team), team.version);
}

}  // namespace

TeamRoutes::Answer TeamRoutes::list(net::Request& request) {
  ISA_CO_TRY(auto asked, page_asked(request));
  ISA_CO_TRY(const auto page, co_await teams_.list(request.identity, std::move(asked.cursor), asked.limit));
  co_return net::Response::json(200, page_body("multi_specs", page));
}

TeamRoutes::Answer TeamRoutes::create(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto body, json::parse_as<TeamFields>(request.body));
  ISA_CO_TRY(auto team, create_team(once.new_id<TeamId>(), body, request.identity, now()));
  ISA_CO_TRYV(co_await teams_.create(team));
  co_return answer(team);
}

TeamRoutes::Answer TeamRoutes::made(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto team, co_await find(request.identity, once.new_id<TeamId>()));
  co_return answer(team);
}

TeamRoutes::Answer TeamRoutes::get(net::Request& request) {
  ISA_CO_TRY(const auto team, co_await find(request.identity, TeamId(request.param("id"))));
  co_return answer(team);
}

// Without If-Match the last writer of a field wins; no change of another field is lost.
TeamRoutes::Answer TeamRoutes::patch(net::Request& request) {
  ISA_CO_TRY(const auto body, json::parse_as<TeamFields>(request.body));
  ISA_CO_TRY(const auto expected, if_match(request));
  for (int attempt = 1;; ++attempt) {
    ISA_CO_TRY(auto current, co_await find(request.identity, TeamId(request.param("id"))));
    if (expected && *expected != current.version)
      co_return conflict("team '{}' has version {} by now, not {}; read it again and repeat the change",
                         current.id.value(), current.version, *expected);
    ISA_CO_TRY(auto next, patch_team(std::move(current), body, request.identity, now()));
    auto updated = co_await teams_.update(request.identity, std::move(next));
    const bool came_second = !updated && updated.error().kind() == ErrorKind::conflict;
    if (came_second && !expected && attempt < kChangeAttempts) continue;
    if (!updated) co_return std::move(updated).error();
    co_return answer(*updated);
  }
}

TeamRoutes::Answer TeamRoutes::remove(net::Request& request) {
  const TeamId id(request.param("id"));
  ISA_CO_TRY(const auto expected, if_match(request));
  ISA_CO_TRYV(co_await teams_.remove(request.identity, id, expected));
  json::object body{{"id", id.value()}, {"deleted", true}};
  co_return net::Response::json(200, std::move(body));
}

Task<Result<store::TeamSpec>> TeamRoutes::find(Identity who, TeamId id) {
  auto found = co_await teams_.find(std::move(who), id);
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return not_found("team '{}' does not exist", id.value());
  co_return found;
}

}  // namespace isa::agent
