#include "agent/teams/team_routes.h"

#include "agent/etag.h"
#include "agent/paging.h"

namespace isa::agent {
namespace {

// How often a change without If-Match is made again when another came first.
constexpr int kChangeAttempts = 8;

struct Rollback {
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Rollback, (), (version))

Result<void> check_version(const store::TeamSpec& team, std::optional<std::int64_t> expected) {
  if (!expected || *expected == team.version) return ok();
  return conflict("team '{}' has version {} by now, not {}; read it again and repeat the change",
                  team.id.value(), team.version, *expected);
}

// Whether the one says what the other does, whenever that was.
bool says_the_same(const store::TeamSpec& team, store::TeamSpec other) {
  other.version = team.version;
  other.updated_at = team.updated_at;
  return json::write(team) == json::write(other);
}

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
    ISA_CO_TRYV(check_version(current, expected));
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

TeamRoutes::Answer TeamRoutes::versions(net::Request& request) {
  ISA_CO_TRY(auto asked, page_asked(request));
  ISA_CO_TRY(const auto page, co_await teams_.versions(request.identity, TeamId(request.param("id")),
                                                       std::move(asked.cursor), asked.limit));
  co_return net::Response::json(200, page_body("versions", page));
}

TeamRoutes::Answer TeamRoutes::version(net::Request& request) {
  ISA_CO_TRY(const auto number, version_in(request.param("n")));
  ISA_CO_TRY(const auto team,
             co_await teams_.find_version(request.identity, TeamId(request.param("id")), number));
  co_return answer(team);
}

TeamRoutes::Answer TeamRoutes::rollback(net::Request& request, store::Once) {
  ISA_CO_TRY(const auto body, json::parse_as<Rollback>(request.body));
  ISA_CO_TRY(const auto expected, if_match(request));
  ISA_CO_TRY(const auto current, co_await find(request.identity, TeamId(request.param("id"))));
  ISA_CO_TRYV(check_version(current, expected));
  ISA_CO_TRY(auto old, co_await teams_.find_version(request.identity, current.id, body.version));
  ISA_CO_TRY(auto next, rolled_back(current, std::move(old), request.identity, now()));
  ISA_CO_TRY(const auto team, co_await teams_.update(request.identity, std::move(next)));
  co_return answer(team);
}

// What the team says since then is what the version says.
TeamRoutes::Answer TeamRoutes::rolled_back_already(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto body, json::parse_as<Rollback>(request.body));
  ISA_CO_TRY(const auto current, co_await find(request.identity, TeamId(request.param("id"))));
  ISA_CO_TRY(auto old, co_await teams_.find_version(request.identity, current.id, body.version));
  if (current.updated_at < once.since || !says_the_same(current, std::move(old)))
    co_return not_found("team '{}' was not rolled back yet", current.id.value());
  co_return answer(current);
}

Task<Result<store::TeamSpec>> TeamRoutes::find(Identity who, TeamId id) {
  auto found = co_await teams_.find(std::move(who), id);
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return not_found("team '{}' does not exist", id.value());
  co_return found;
}

}  // namespace isa::agent
