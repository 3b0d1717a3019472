// Specs of teams of agents (design: agents.md, "Multi-agent") and where they are kept.
#pragma once

#include "store/agent_config.h"

namespace isa::store {

struct TeamSpec {
  TeamId id;
  UserId owner_id;
  std::optional<OrgId> org_id;
  Visibility visibility = Visibility::private_;
  std::string name;
  std::string description;
  // Which of these are empty is up to the routing_spec (sdk/team/spec.h reads all of them).
  std::optional<std::string> entry_agent_id;
  std::optional<std::string> routing_type;
  std::optional<std::string> execution_mode;
  json::object routing_spec;  // As its author wrote it.
  std::int64_t version = 1;
  Timestamp created_at;
  Timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(TeamSpec, (),
                      (id, owner_id, org_id, visibility, name, description, entry_agent_id, routing_type,
                       execution_mode, routing_spec, version, created_at, updated_at))

// The same rules of scope, atomicity and errors as AgentConfigStore.
class TeamSpecStore {
 public:
  virtual ~TeamSpecStore() = default;
  virtual Task<Result<void>> create(TeamSpec spec) = 0;  // conflict when the id is taken.
  virtual Task<Result<TeamSpec>> find(Identity scope, TeamId id) = 0;
  // Keeps id, owner_id and created_at. next.version must be one more than the row's: conflict otherwise.
  virtual Task<Result<TeamSpec>> update(Identity scope, TeamSpec next) = 0;
  // For good. expected_version: conflict when the row has another.
  virtual Task<Result<void>> remove(Identity scope, TeamId id,
                                    std::optional<std::int64_t> expected_version) = 0;
  // Newest update first. `cursor` is opaque: empty, or Page::next_cursor.
  virtual Task<Result<Page<TeamSpec>>> list(Identity scope, std::string cursor, std::size_t limit) = 0;
  // Every version ever saved, newest first; they go with the team. `cursor` as for list(). A page ends early
  // where they are large.
  virtual Task<Result<Page<TeamSpec>>> versions(Identity scope, TeamId id, std::string cursor,
                                                std::size_t limit) = 0;
  virtual Task<Result<TeamSpec>> find_version(Identity scope, TeamId id, std::int64_t version) = 0;
};

}  // namespace isa::store
