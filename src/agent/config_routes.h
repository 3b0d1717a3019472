#pragma once

#include "agent/config_rules.h"
#include "agent/templates.h"
#include "net/http.h"
#include "store/idempotency_keys.h"
#include "store/team_spec.h"

namespace isa::agent {

// /api/v1/agents/configs
class ConfigRoutes {
 public:
  ConfigRoutes(store::AgentConfigStore& configs, store::TeamSpecStore& teams,
               const TemplateCatalog& templates, const SkillLibrary& skills, std::string default_model)
      : configs_(configs),
        teams_(teams),
        templates_(templates),
        skills_(skills),
        default_model_(std::move(default_model)) {}

  using Answer = Task<Result<net::Response>>;
  Answer list(net::Request& request);
  Answer create(net::Request& request, store::Once once);
  Answer made(net::Request& request,
              store::Once once);  // By an earlier create with the same Idempotency-Key.
  Answer get(net::Request& request);
  Answer patch(net::Request& request);
  Answer remove(net::Request& request);
  Answer versions(net::Request& request);
  Answer version(net::Request& request);
  Answer rollback(net::Request& request, store::Once once);
  Answer rolled_back_already(net::Request& request,
                             store::Once once);  // By an earlier one with the same Idempotency-Key.
  Answer audit(net::Request& request);

 private:
  // The team of an agent whose template carries one, unless the body names another.
  Task<Result<void>> make_team(const Identity& who, const store::AgentTemplate& from, TeamId id,
                               store::AgentConfig& config);
  // A team that the body names and `former` did not: one that is not there, no chat would find either.
  Task<Result<void>> check_team(const Identity& who, const AgentFields& body, const json::object& former);
  Task<Result<store::AgentConfig>> change(const net::Request& request, const AgentFields& body);
  Task<Result<store::AgentConfig>> find(const net::Request& request);
  Task<Result<store::AgentConfig>> find(Identity who, AgentId id);

  store::AgentConfigStore& configs_;
  store::TeamSpecStore& teams_;
  const TemplateCatalog& templates_;
  const SkillLibrary& skills_;
  std::string default_model_;
};

}  // namespace isa::agent
