#include "store/sqlite/migrations.h"

#include "store/sqlite/query.h"

#include <array>

namespace isa::store::sqlite {
namespace {

constexpr std::int64_t kApplicationId = 0x69734131;  // "isA1" in the file's header, shown by file(1).

// Times are milliseconds since 1970. Agent configs and templates are kept as JSON documents beside the
// columns that are searched by.
constexpr const char* kAgents = R"sql(
CREATE TABLE agent_configs (
  id TEXT PRIMARY KEY NOT NULL,
  owner_id TEXT NOT NULL,
  org_id TEXT,
  visibility TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX agent_configs_by_owner ON agent_configs (owner_id, updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX agent_configs_by_org ON agent_configs (org_id, updated_at DESC, id DESC)
  WHERE deleted_at IS NULL AND visibility = 'org';
CREATE INDEX agent_configs_by_update ON agent_configs (updated_at DESC, id DESC) WHERE deleted_at IS NULL;
CREATE INDEX agent_configs_deleted ON agent_configs (deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE agent_config_versions (
  agent_id TEXT NOT NULL REFERENCES agent_configs (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (agent_id, version)
) STRICT;

CREATE TABLE agent_templates (
  id TEXT PRIMARY KEY NOT NULL,
  owner_id TEXT NOT NULL,
  org_id TEXT,
  visibility TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX agent_templates_by_owner ON agent_templates (owner_id);
CREATE INDEX agent_templates_by_org ON agent_templates (org_id) WHERE visibility = 'org';
)sql";

// run_events holds all events of an ended run in one value (store/event_codec.h): they are written once and
// read together.
constexpr const char* kSessions = R"sql(
CREATE TABLE sessions (
  id TEXT PRIMARY KEY NOT NULL,
  owner_id TEXT NOT NULL,
  agent_config_id TEXT,
  agent_version INTEGER,
  title TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_owner ON sessions (owner_id, updated_at DESC, id DESC);
CREATE INDEX sessions_by_update ON sessions (updated_at DESC, id DESC);

CREATE TABLE session_messages (
  number INTEGER PRIMARY KEY,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  run_id TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  message TEXT NOT NULL
) STRICT;
CREATE INDEX session_messages_by_session ON session_messages (session_id, number);

CREATE TABLE runs (
  id TEXT PRIMARY KEY NOT NULL,
  session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
  owner_id TEXT NOT NULL,
  agent_config_id TEXT,
  agent_version INTEGER,
  state TEXT NOT NULL,
  message TEXT NOT NULL,
  response TEXT,
  error_code TEXT,
  usage TEXT,
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER
) STRICT;
CREATE INDEX runs_by_session ON runs (session_id, created_at, id);
CREATE INDEX runs_unfinished ON runs (created_at, id) WHERE state IN ('queued', 'running');

CREATE TABLE run_events (
  run_id TEXT PRIMARY KEY NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  events BLOB NOT NULL
) STRICT;
)sql";

// fencing_tokens has one row: the last token that was given out. Leases go, it stays.
constexpr const char* kPool = R"sql(
CREATE TABLE pool_instances (
  id TEXT PRIMARY KEY NOT NULL,
  pool_type TEXT NOT NULL,
  sandbox_id TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
) STRICT;
CREATE INDEX pool_instances_by_type ON pool_instances (pool_type, created_at, id);
CREATE INDEX pool_instances_by_state ON pool_instances (pool_type, state, created_at, id);

CREATE TABLE leases (
  instance_id TEXT PRIMARY KEY NOT NULL REFERENCES pool_instances (id) ON DELETE CASCADE,
  id TEXT NOT NULL,
  fencing_token INTEGER NOT NULL,
  session_id TEXT NOT NULL,
  user_id TEXT NOT NULL,
  org_id TEXT,
  agent_config_id TEXT,
  acquired_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX leases_by_session ON leases (session_id, fencing_token DESC);

CREATE TABLE fencing_tokens (last INTEGER NOT NULL) STRICT;
INSERT INTO fencing_tokens VALUES (0);
)sql";

// The trigger keeps entries as they were written; they leave with the config's row alone.
constexpr const char* kAudit = R"sql(
CREATE TABLE agent_config_audit (
  agent_id TEXT NOT NULL REFERENCES agent_configs (id) ON DELETE CASCADE,
  seq INTEGER NOT NULL,
  action TEXT NOT NULL,
  actor_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  fields TEXT NOT NULL,
  restored INTEGER,
  at INTEGER NOT NULL,
  PRIMARY KEY (agent_id, seq)
) STRICT;
CREATE TRIGGER agent_config_audit_is_append_only BEFORE UPDATE ON agent_config_audit
BEGIN SELECT RAISE(ABORT, 'entries of the audit are never changed'); END;
)sql";

constexpr const char* kIdempotencyKeys = R"sql(
CREATE TABLE idempotency_keys (
  user_id TEXT NOT NULL,
  key TEXT NOT NULL,
  state TEXT NOT NULL,
  fingerprint TEXT NOT NULL,
  seed TEXT NOT NULL,
  since INTEGER NOT NULL,
  status INTEGER,
  headers TEXT,
  body BLOB,
  PRIMARY KEY (user_id, key)
) STRICT;
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (since);
)sql";

// The ids of sessions that are gone: create() refuses them for a while.
constexpr const char* kDeletedSessions = R"sql(
CREATE TABLE deleted_sessions (id TEXT PRIMARY KEY NOT NULL, deleted_at INTEGER NOT NULL) STRICT;
CREATE INDEX deleted_sessions_by_time ON deleted_sessions (deleted_at);
)sql";

// Several managers may share a pool; rows of before belong to a manager that is no more.
constexpr const char* kSharedPools = R"sql(
ALTER TABLE pool_instances RENAME COLUMN pool_type TO pool;
ALTER TABLE pool_instances ADD COLUMN shape TEXT NOT NULL DEFAULT '';
ALTER TABLE pool_instances ADD COLUMN manager TEXT NOT NULL DEFAULT '';
ALTER TABLE pool_instances ADD COLUMN endpoint TEXT NOT NULL DEFAULT '';
ALTER TABLE pool_instances ADD COLUMN probed_at INTEGER NOT NULL DEFAULT 0;
CREATE TABLE pool_configs (pool TEXT PRIMARY KEY NOT NULL, config TEXT NOT NULL) STRICT;
)sql";

// Of the credential broker. Entries of the audit trail are never changed.
constexpr const char* kBroker = R"sql(
CREATE TABLE secrets (
  id TEXT PRIMARY KEY NOT NULL,
  holder TEXT NOT NULL,
  name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  used_at INTEGER,
  document TEXT NOT NULL,
  sealed BLOB NOT NULL,
  UNIQUE (holder, name)
) STRICT;

CREATE TABLE sandbox_audit (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  at INTEGER NOT NULL,
  sandbox_id TEXT NOT NULL,
  lease_id TEXT,
  user_id TEXT,
  org_id TEXT,
  session_id TEXT,
  kind TEXT NOT NULL,
  verdict TEXT NOT NULL,
  target TEXT NOT NULL,
  rule TEXT NOT NULL,
  secret TEXT,
  reason TEXT NOT NULL,
  bytes_out INTEGER NOT NULL,
  bytes_in INTEGER NOT NULL,
  count INTEGER NOT NULL
) STRICT;
CREATE INDEX sandbox_audit_by_sandbox ON sandbox_audit (sandbox_id, number);
CREATE INDEX sandbox_audit_by_user ON sandbox_audit (user_id, number);
CREATE INDEX sandbox_audit_by_time ON sandbox_audit (at);
CREATE TRIGGER sandbox_audit_is_append_only BEFORE UPDATE ON sandbox_audit
BEGIN SELECT RAISE(ABORT, 'entries of the audit trail are never changed'); END;
)sql";

constexpr const char* kApprovals = R"sql(
DROP INDEX runs_unfinished;
CREATE INDEX runs_unfinished ON runs (created_at, id) WHERE state IN ('queued', 'running', 'waiting');

CREATE TABLE run_continuations (
  run_id TEXT PRIMARY KEY NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  document TEXT NOT NULL
) STRICT;

CREATE TABLE approvals (
  id TEXT PRIMARY KEY NOT NULL,
  run_id TEXT NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  owner_id TEXT NOT NULL,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  decided_at INTEGER,
  decided_by TEXT,
  edited_args TEXT,
  decision_text TEXT,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX approvals_by_run ON approvals (run_id, created_at, id);
CREATE INDEX approvals_by_owner ON approvals (owner_id, created_at DESC, id DESC);
CREATE INDEX approvals_by_state ON approvals (owner_id, state, created_at DESC, id DESC);

CREATE TABLE allowances (
  id TEXT PRIMARY KEY NOT NULL,
  owner_id TEXT NOT NULL,
  agent_config_id TEXT,
  pattern TEXT NOT NULL,
  created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX allowances_by_owner ON allowances (owner_id, created_at, id);
)sql";

// Teams, kept as JSON documents beside the columns that are searched by.
constexpr const char* kTeams = R"sql(
CREATE TABLE team_specs (
  id TEXT PRIMARY KEY NOT NULL,
  owner_id TEXT NOT NULL,
  org_id TEXT,
  visibility TEXT NOT NULL,
  version INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  document TEXT NOT NULL
) STRICT;
CREATE INDEX team_specs_by_owner ON team_specs (owner_id, updated_at DESC, id DESC);
CREATE INDEX team_specs_by_org ON team_specs (org_id, updated_at DESC, id DESC) WHERE visibility = 'org';
CREATE INDEX team_specs_by_update ON team_specs (updated_at DESC, id DESC);
)sql";

// Triggers are kept as JSON documents beside what is searched by; next_due_at is null while disabled. A
// firing that has `once` is the only one of its trigger with that text.
constexpr const char* kTriggers = R"sql(
CREATE TABLE triggers (
  id TEXT PRIMARY KEY NOT NULL,
  owner_id TEXT NOT NULL,
  type TEXT NOT NULL,
  enabled INTEGER NOT NULL,
  next_due_at INTEGER,
  created_at INTEGER NOT NULL,
  document TEXT NOT NULL,
  memo TEXT NOT NULL,
  sealed_secret BLOB NOT NULL
) STRICT;
CREATE INDEX triggers_by_owner ON triggers (owner_id, created_at, id);
CREATE INDEX triggers_due ON triggers (next_due_at, id) WHERE next_due_at IS NOT NULL;

CREATE TABLE firings (
  number INTEGER PRIMARY KEY AUTOINCREMENT,
  id TEXT UNIQUE NOT NULL,
  trigger_id TEXT NOT NULL REFERENCES triggers (id) ON DELETE CASCADE,
  once TEXT,
  cause TEXT NOT NULL,
  state TEXT NOT NULL,
  due_at INTEGER,
  payload TEXT NOT NULL,
  run_id TEXT UNIQUE NOT NULL,
  session_id TEXT NOT NULL,
  error TEXT,
  created_at INTEGER NOT NULL,
  ended_at INTEGER,
  UNIQUE (trigger_id, once)
) STRICT;
CREATE INDEX firings_by_trigger ON firings (trigger_id, created_at DESC, id DESC);
CREATE INDEX firings_open ON firings (trigger_id, number) WHERE ended_at IS NULL;
)sql";

constexpr const char* kForks = R"sql(
ALTER TABLE sessions ADD COLUMN forked_from TEXT;
ALTER TABLE sessions ADD COLUMN fork_point TEXT;
)sql";

constexpr const char* kSkills = R"sql(
CREATE TABLE skills (
  id TEXT PRIMARY KEY,
  owner_id TEXT NOT NULL,
  shared_with TEXT,
  name TEXT NOT NULL,
  document TEXT NOT NULL,
  UNIQUE (owner_id, name),
  UNIQUE (shared_with, name)
) STRICT;

CREATE TABLE skill_files (
  skill_id TEXT NOT NULL REFERENCES skills (id) ON DELETE CASCADE,
  path TEXT NOT NULL,
  is_executable INTEGER NOT NULL,
  content BLOB NOT NULL,
  PRIMARY KEY (skill_id, path)
) STRICT, WITHOUT ROWID;
)sql";

// Of runs that wait in their session's queue; the document is their order.
constexpr const char* kQueue = R"sql(
CREATE TABLE run_queue (
  run_id TEXT PRIMARY KEY NOT NULL REFERENCES runs (id) ON DELETE CASCADE,
  place INTEGER NOT NULL,
  speaks_to TEXT,
  document TEXT NOT NULL
) STRICT;
)sql";

// Of teams from before there were versions, the one that they have.
constexpr const char* kTeamVersions = R"sql(
CREATE TABLE team_spec_versions (
  team_id TEXT NOT NULL REFERENCES team_specs (id) ON DELETE CASCADE,
  version INTEGER NOT NULL,
  document TEXT NOT NULL,
  PRIMARY KEY (team_id, version)
) STRICT;
INSERT INTO team_spec_versions (team_id, version, document) SELECT id, version, document FROM team_specs;

ALTER TABLE runs ADD COLUMN team_id TEXT;
ALTER TABLE runs ADD COLUMN team_version INTEGER;
)sql";

// So that a renewal never replaces what somebody has set meanwhile.
constexpr const char* kSecretRevisions = R"sql(
ALTER TABLE secrets ADD COLUMN revision INTEGER NOT NULL DEFAULT 0;
)sql";

// Version n is the n-th entry. Entries are never changed once released: a change is a new entry.
constexpr std::array kVersions{kAgents,          kSessions,        kPool,         kAudit,
                               kIdempotencyKeys, kDeletedSessions, kSharedPools,  kBroker,
                               kApprovals,       kTeams,           kTriggers,     kForks,
                               kSkills,          kQueue,           kTeamVersions, kSecretRevisions};

Result<std::int64_t> integer(Database& db, std::string_view sql) {
  ISA_TRY(const auto value, find_one(db, take_one<std::int64_t>, sql));
  return value.value_or(0);
}

}  // namespace

std::int64_t schema_version() {
  return static_cast<std::int64_t>(kVersions.size());
}

Result<void> check_ownership(Database& db) {
  ISA_TRY(const auto tables, integer(db, "SELECT count(*) FROM sqlite_schema"));
  ISA_TRY(const auto application, integer(db, "PRAGMA application_id"));
  ISA_TRY(const auto version, integer(db, "PRAGMA user_version"));
  if (tables > 0 && application != kApplicationId)
    return failed_dependency("the database file belongs to another program; choose another data directory");
  if (version > schema_version())
    return failed_dependency(
        "the database has schema version {}, but this isA knows versions up to {} only; run the newer isA "
        "that "
        "wrote it, or restore a backup",
        version, schema_version());
  return ok();
}

Result<void> migrate(Database& db) {
  ISA_TRY(auto version, integer(db, "PRAGMA user_version"));
  for (; version < schema_version(); ++version) {
    const auto sql =
        fmt::format("BEGIN IMMEDIATE; PRAGMA application_id = {}; {} PRAGMA user_version = {}; COMMIT",
                    kApplicationId, kVersions[static_cast<std::size_t>(version)], version + 1);
    if (auto done = db.execute(sql.c_str()); !done) {
      // What failed has priority over how the clean-up went; closing the connection rolls back as well.
      if (db.in_transaction()) std::ignore = db.execute("ROLLBACK");
      return done;
    }
  }
  return ok();
}

}  // namespace isa::store::sqlite
