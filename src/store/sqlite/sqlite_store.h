// The embedded engine: one SQLite file in WAL mode.
#pragma once

#include "store/agent_config.h"
#include "store/agent_template.h"
#include "store/approval.h"
#include "store/event_log.h"
#include "store/idempotency_store.h"
#include "store/pool_store.h"
#include "store/run.h"
#include "store/sandbox_audit.h"
#include "store/secret.h"
#include "store/session.h"
#include "store/skill.h"
#include "store/team_spec.h"
#include "store/trigger.h"

#include <filesystem>
#include <memory>

namespace isa::store::sqlite {

// What a commit that has returned survives. Rows about things that a power cut ends anyway (the leases of
// this host's sandboxes) need not wait for the disk.
enum class Durability { power_cut, process_death };

// Every aggregate over one database file. One thread owns the writing connection and commits whatever has
// queued up as one transaction (each statement under its own savepoint); readers have a connection and a
// thread of their own. Methods of the stores may be called from any event loop and resume on the caller's.
class SqliteStore {
 public:
  // Opens or creates the file and brings its schema up to date. Errors say what to do: unwritable folder,
  // full disk, a newer schema than this program knows, a file that is no database, another platform that has
  // it open.
  static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& file,
                                                   Durability durability = Durability::power_cut);
  virtual ~SqliteStore() = default;

  virtual AgentConfigStore& agent_configs() = 0;
  virtual TemplateStore& templates() = 0;
  virtual TeamSpecStore& teams() = 0;
  virtual SessionStore& sessions() = 0;
  virtual RunStore& runs() = 0;
  virtual ApprovalStore& approvals() = 0;
  virtual PoolStore& pool() = 0;
  virtual IdempotencyStore& idempotency() = 0;
  virtual SecretStore& secrets() = 0;
  virtual SandboxAuditStore& sandbox_audit() = 0;
  virtual TriggerStore& triggers() = 0;
  virtual SkillStore& skills() = 0;
};

}  // namespace isa::store::sqlite
