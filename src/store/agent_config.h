// The agent's configuration (design: agents.md, "Agent config") and where it is kept.
#pragma once

#include "base/identity.h"
#include "base/json.h"
#include "store/page.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace isa::store {

enum class Visibility { private_, org };
BOOST_DESCRIBE_ENUM(Visibility, private_, org)
enum class AgentSource { basic, template_, generated, local };
BOOST_DESCRIBE_ENUM(AgentSource, basic, template_, generated, local)
enum class Mode { REACTIVE, COLLABORATIVE, PROACTIVE };
BOOST_DESCRIBE_ENUM(Mode, REACTIVE, COLLABORATIVE, PROACTIVE)
enum class ExecutionEnv { cloud_shared, cloud_pool, deployment };
BOOST_DESCRIBE_ENUM(ExecutionEnv, cloud_shared, cloud_pool, deployment)
enum class OnTimeout { deny, default_ };
BOOST_DESCRIBE_ENUM(OnTimeout, deny, default_)

struct ApprovalRule {
  using json_defaults = void;
  std::string match;  // Tool name or pattern.
  std::int64_t timeout_s = 1800;
  OnTimeout on_timeout = OnTimeout::deny;
  // Only with `match` "update_plan": not each call waits, only one each so many finished steps; 0: none does.
  std::optional<std::int64_t> every = std::nullopt;
};
BOOST_DESCRIBE_STRUCT(ApprovalRule, (), (match, timeout_s, on_timeout, every))

// Checked before each model call.
struct RunLimits {
  using json_defaults = void;
  std::int64_t max_turns = 50;
  std::int64_t max_seconds = 600;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> max_usd;
};
BOOST_DESCRIBE_STRUCT(RunLimits, (), (max_turns, max_seconds, max_tokens, max_usd))

struct AgentConfig {
  AgentId id;
  UserId owner_id;
  std::optional<OrgId> org_id;
  Visibility visibility = Visibility::private_;
  std::string name;
  std::string description;
  AgentSource source = AgentSource::basic;
  std::optional<TemplateId> template_id;
  std::string model_id;
  std::string system_prompt;
  std::vector<std::string> tools;
  std::vector<std::string> skills;
  json::object mcp_servers;
  Mode mode = Mode::REACTIVE;
  ExecutionEnv env = ExecutionEnv::cloud_pool;
  std::vector<ApprovalRule> approvals;
  RunLimits limits;
  std::vector<std::string> egress;
  json::object metadata;
  std::int64_t version = 1;
  Timestamp created_at;
  Timestamp updated_at;
};
BOOST_DESCRIBE_STRUCT(AgentConfig, (),
                      (id, owner_id, org_id, visibility, name, description, source, template_id, model_id,
                       system_prompt, tools, skills, mcp_servers, mode, env, approvals, limits, egress,
                       metadata, version, created_at, updated_at))

enum class AuditAction { create, update, share, rollback, delete_ };
BOOST_DESCRIBE_ENUM(AuditAction, create, update, share, rollback, delete_)

// What somebody did to an agent config. Names of fields, never what they held: `versions` has that.
struct AuditEntry {
  AgentId agent_config_id;
  std::int64_t seq = 0;  // Of this config, from 1, without holes.
  AuditAction action = AuditAction::create;
  UserId actor_id;
  std::int64_t version = 0;              // The config's, after it.
  std::vector<std::string> fields;       // Whose values changed; none for create and delete.
  std::optional<std::int64_t> restored;  // The version that a rollback went back to.
  Timestamp at;
};
BOOST_DESCRIBE_STRUCT(AuditEntry, (), (agent_config_id, seq, action, actor_id, version, fields, restored, at))

// Implemented by sqlite/ (and postgres/); agent_config_store_test.cpp holds every engine to this contract.
//
// Every method is atomic, and committed when its task completes. `scope` is the caller: own rows, or rows
// with visibility org in one of the caller's orgs; anything else is not_found. service_unavailable means that
// the engine could not be reached or the disk is full, and nothing was written.
//
// Every change adds to the config's audit in its own transaction: create (by its owner), update with the
// names of the fields, share where visibility or org_id changed (an entry of its own beside update),
// rollback, delete. Entries are never changed; they go when the config is purged.
class AgentConfigStore {
 public:
  virtual ~AgentConfigStore() = default;

  virtual Task<Result<void>> create(AgentConfig config) = 0;
  virtual Task<Result<AgentConfig>> find(Identity scope, AgentId id) = 0;
  // Replaces everything but id, owner_id and created_at by `next`; the row's version becomes next.version,
  // which must be one more than the row's: conflict otherwise (somebody else changed it first).
  // insufficient_permissions when the caller may see it but is neither its owner nor an admin of its org.
  virtual Task<Result<AgentConfig>> update(Identity scope, AgentConfig next) = 0;
  // The same, with what the config said in version `restored`.
  virtual Task<Result<AgentConfig>> roll_back(Identity scope, AgentConfig next, std::int64_t restored) = 0;
  // Soft: find() and list() no longer see it; purge() removes it for good. Same permissions as update.
  // expected_version: conflict when the row has another.
  virtual Task<Result<void>> remove(Identity scope, AgentId id, std::optional<std::int64_t> expected_version,
                                    Timestamp at) = 0;
  // Newest update first. `cursor` is opaque: empty, or Page::next_cursor.
  virtual Task<Result<Page<AgentConfig>>> list(Identity scope, std::string cursor, std::size_t limit) = 0;
  // Every version ever saved, newest first; `cursor` as for list(). A page ends early where they are large.
  virtual Task<Result<Page<AgentConfig>>> versions(Identity scope, AgentId id, std::string cursor,
                                                   std::size_t limit) = 0;
  virtual Task<Result<AgentConfig>> find_version(Identity scope, AgentId id, std::int64_t version) = 0;
  // Newest first; `cursor` as for list(). Of a config that is deleted and not yet purged: for its owner
  // alone.
  virtual Task<Result<Page<AuditEntry>>> audit(Identity scope, AgentId id, std::string cursor,
                                               std::size_t limit) = 0;
  // Removes rows deleted before `before`, with their versions and audit; returns their ids.
  virtual Task<Result<std::vector<AgentId>>> purge(Timestamp before) = 0;
};

}  // namespace isa::store
