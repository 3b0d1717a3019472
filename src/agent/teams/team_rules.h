// What the spec of a team may say (design: agents.md, "Multi-agent").
#pragma once

#include "sdk/team/spec.h"
#include "store/team_spec.h"

namespace isa::agent {

// A field that the body does not name keeps what was there. null clears an optional field.
struct TeamFields {
  Presence<std::string> name;
  Presence<std::string> description;
  Presence<store::Visibility> visibility;
  Presence<OrgId> org_id;
  Presence<std::string> entry_agent_id;
  Presence<std::string> routing_type;
  Presence<std::string> execution_mode;
  Presence<json::object> routing_spec;
};
BOOST_DESCRIBE_STRUCT(TeamFields, (),
                      (name, description, visibility, org_id, entry_agent_id, routing_type, execution_mode,
                       routing_spec))

// A new team, version 1, with the id `id`. validation_error also for whatever sdk::team::read_team() refuses,
// and for tools and skills of members that do not exist; pointers of the routing_spec begin with
// /routing_spec.
Result<store::TeamSpec> create_team(TeamId id, const TeamFields& body, const Identity& owner, Timestamp at);
// The next version of `current`.
Result<store::TeamSpec> patch_team(store::TeamSpec current, const TeamFields& body, const Identity& who,
                                   Timestamp at);

// The next version of `current` with everything that `old` said. An org that it was shared with then and is
// not now must be one of `who`.
Result<store::TeamSpec> rolled_back(const store::TeamSpec& current, store::TeamSpec old, const Identity& who,
                                    Timestamp at);

// The team that a record describes. entry_agent_override: of a request.
Result<sdk::team::TeamSpec> read_team(const store::TeamSpec& record,
                                      const std::optional<std::string>& entry_agent_override = {});

// The tools and skills of members that are defined in the spec itself.
Result<void> check_members(const sdk::team::TeamSpec& team);

// The team that a template carries: a record's fields, all optional, or a routing_spec alone ({agents: ...}).
Result<TeamFields> team_in_template(const json::object& multi_agent, std::string_view name);

}  // namespace isa::agent
