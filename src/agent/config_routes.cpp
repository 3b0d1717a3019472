#include "agent/config_routes.h"

#include "agent/etag.h"
#include "agent/paging.h"
#include "agent/teams/team_rules.h"

namespace isa::agent {
namespace {

// How often a change without If-Match is made again when another came first.
constexpr int kChangeAttempts = 8;

struct Rollback {
  std::int64_t version = 0;
};
BOOST_DESCRIBE_STRUCT(Rollback, (), (version))

Error no_agent(const AgentId& id) {
  return not_found("agent '{}' does not exist", id.value());
}

Result<void> check_version(const store::AgentConfig& config, std::optional<std::int64_t> expected) {
  if (!expected || *expected == config.version) return ok();
  return conflict("agent '{}' has version {} by now, not {}; read it again and repeat the change",
                  config.id.value(), config.version, *expected);
}

net::Response answer(const store::AgentConfig& config) {
  return versioned(json::write(config), config.version);
}

}  // namespace

ConfigRoutes::Answer ConfigRoutes::list(net::Request& request) {
  ISA_CO_TRY(auto asked, page_asked(request));
  ISA_CO_TRY(const auto page, co_await configs_.list(request.identity, std::move(asked.cursor), asked.limit));
  co_return net::Response::json(200, page_body("agents", page));
}

ConfigRoutes::Answer ConfigRoutes::create(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto body, json::parse_as<CreateAgent>(request.body));
  ISA_CO_TRY(const auto wanted, wanted_template(body));
  std::optional<store::AgentTemplate> from;
  if (wanted) {
    ISA_CO_TRY(from, co_await templates_.find(request.identity, *wanted));
  }
  ISA_CO_TRY(auto config, create_config(once.new_id<AgentId>(), body, from ? &*from : nullptr,
                                        request.identity, default_model_, now()));
  ISA_CO_TRYV(co_await skills_.check_agent(request.identity, config, {}));
  ISA_CO_TRYV(co_await check_team(request.identity, body, {}));
  if (from) ISA_CO_TRYV(co_await make_team(request.identity, *from, once.new_id<TeamId>(), config));
  ISA_CO_TRYV(co_await configs_.create(config));
  co_return answer(config);
}

Task<Result<void>> ConfigRoutes::check_team(const Identity& who, const AgentFields& body,
                                            const json::object& former) {
  if (!body.metadata.has_value()) co_return ok();
  const auto* id = body.metadata->if_contains("multi_agent_id");
  const auto* before = former.if_contains("multi_agent_id");
  if (!id || (before && *before == *id)) co_return ok();
  const auto found = co_await teams_.find(who, TeamId(std::string(id->get_string())));
  if (!found && found.error().kind() == ErrorKind::not_found)
    co_return validation_error(
        "/metadata/multi_agent_id: the team '{}' does not exist, or is not shared with you; POST "
        "/api/v1/agents/multi-specs makes one",
        std::string_view(id->get_string()))
        .with_param("/metadata/multi_agent_id");
  if (!found) co_return Failure(found.error());
  co_return ok();
}

Task<Result<void>> ConfigRoutes::make_team(const Identity& who, const store::AgentTemplate& from, TeamId id,
                                           store::AgentConfig& config) {
  if (!from.multi_agent || config.metadata.contains("multi_agent_id")) co_return ok();
  ISA_CO_TRY(auto fields, team_in_template(*from.multi_agent, config.name));
  ISA_CO_TRY(auto team, create_team(id, fields, who, config.created_at));
  team.visibility = config.visibility;
  team.org_id = config.org_id;
  auto created = co_await teams_.create(std::move(team));
  // The same request, which was cut off between the team and the agent, has made it already.
  if (!created && created.error().kind() == ErrorKind::conflict) {
    ISA_CO_TRYV(co_await teams_.find(who, id));
  } else if (!created) {
    co_return created;
  }
  config.metadata["multi_agent_id"] = id.value();
  co_return ok();
}

ConfigRoutes::Answer ConfigRoutes::made(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto config, co_await find(request.identity, once.new_id<AgentId>()));
  co_return answer(config);
}

ConfigRoutes::Answer ConfigRoutes::get(net::Request& request) {
  ISA_CO_TRY(const auto config, co_await find(request));
  co_return answer(config);
}

ConfigRoutes::Answer ConfigRoutes::patch(net::Request& request) {
  ISA_CO_TRY(const auto body, json::parse_as<AgentFields>(request.body));
  ISA_CO_TRY(const auto config, co_await change(request, body));
  co_return answer(config);
}

// Without If-Match the last writer of a field wins; no change of another field is lost.
Task<Result<store::AgentConfig>> ConfigRoutes::change(const net::Request& request, const AgentFields& body) {
  ISA_CO_TRY(const auto expected, if_match(request));
  for (int attempt = 1;; ++attempt) {
    ISA_CO_TRY(auto current, co_await find(request));
    ISA_CO_TRYV(check_version(current, expected));
    ISA_CO_TRY(auto next, patch_config(current, body, request.identity, default_model_, now()));
    ISA_CO_TRYV(co_await check_team(request.identity, body, current.metadata));
    // What an agent has already stays, also when a skill of it is gone by now: a chat says so. But nobody
    // else shows an owner's skills to another organization.
    const bool is_moved = next.org_id != current.org_id && request.identity.user != current.owner_id;
    if (body.skills.is_present() || is_moved) {
      auto trusted = is_moved ? std::vector<std::string>() : current.skills;
      ISA_CO_TRYV(co_await skills_.check_agent(request.identity, next, std::move(trusted)));
    }
    auto updated = co_await configs_.update(request.identity, std::move(next));
    const bool came_second = !updated && updated.error().kind() == ErrorKind::conflict;
    if (!came_second || expected || attempt == kChangeAttempts) co_return updated;
  }
}

ConfigRoutes::Answer ConfigRoutes::remove(net::Request& request) {
  const AgentId id(request.param("id"));
  ISA_CO_TRY(const auto expected, if_match(request));
  ISA_CO_TRYV(co_await configs_.remove(request.identity, id, expected, now()));
  json::object body{{"id", id.value()}, {"deleted", true}};
  co_return net::Response::json(200, std::move(body));
}

ConfigRoutes::Answer ConfigRoutes::versions(net::Request& request) {
  ISA_CO_TRY(auto asked, page_asked(request));
  ISA_CO_TRY(const auto page, co_await configs_.versions(request.identity, AgentId(request.param("id")),
                                                         std::move(asked.cursor), asked.limit));
  co_return net::Response::json(200, page_body("versions", page));
}

ConfigRoutes::Answer ConfigRoutes::version(net::Request& request) {
  ISA_CO_TRY(const auto number, version_in(request.param("n")));
  ISA_CO_TRY(const auto config,
             co_await configs_.find_version(request.identity, AgentId(request.param("id")), number));
  co_return answer(config);
}

ConfigRoutes::Answer ConfigRoutes::rollback(net::Request& request, store::Once) {
  ISA_CO_TRY(const auto body, json::parse_as<Rollback>(request.body));
  ISA_CO_TRY(const auto expected, if_match(request));
  ISA_CO_TRY(const auto current, co_await find(request));
  ISA_CO_TRYV(check_version(current, expected));
  ISA_CO_TRY(auto old, co_await configs_.find_version(request.identity, current.id, body.version));
  ISA_CO_TRY(auto next, rolled_back(current, std::move(old), request.identity, now()));
  ISA_CO_TRY(const auto config, co_await configs_.roll_back(request.identity, std::move(next), body.version));
  co_return answer(config);
}

// The last thing that happened to the config, if it was this.
ConfigRoutes::Answer ConfigRoutes::rolled_back_already(net::Request& request, store::Once once) {
  ISA_CO_TRY(const auto body, json::parse_as<Rollback>(request.body));
  ISA_CO_TRY(const auto current, co_await find(request));
  ISA_CO_TRY(const auto last, co_await configs_.audit(request.identity, current.id, "", 1));
  const auto& entries = last.items;
  const bool is_done = !entries.empty() && entries[0].restored == body.version &&
                       entries[0].actor_id == request.identity.user && entries[0].at >= once.since;
  if (!is_done) co_return not_found("agent '{}' was not rolled back yet", current.id.value());
  co_return answer(current);
}

ConfigRoutes::Answer ConfigRoutes::audit(net::Request& request) {
  ISA_CO_TRY(auto asked, page_asked(request));
  ISA_CO_TRY(const auto page, co_await configs_.audit(request.identity, AgentId(request.param("id")),
                                                      std::move(asked.cursor), asked.limit));
  co_return net::Response::json(200, page_body("entries", page));
}

Task<Result<store::AgentConfig>> ConfigRoutes::find(const net::Request& request) {
  return find(request.identity, AgentId(request.param("id")));
}

Task<Result<store::AgentConfig>> ConfigRoutes::find(Identity who, AgentId id) {
  auto found = co_await configs_.find(std::move(who), id);
  if (!found && found.error().kind() == ErrorKind::not_found) co_return no_agent(id);
  co_return found;
}

}  // namespace isa::agent
