#include "store/sqlite/sqlite_store.h"

#include "store/file_lock.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/migrations.h"
#include "store/sqlite/stores.h"

#include <fcntl.h>
#include <unistd.h>

namespace isa::store::sqlite {
namespace {

constexpr int kReaders = 2;

class Store final : public SqliteStore {
 public:
  Store(FileLock lock, Database writing, std::vector<Database> reading)
      : lock_(std::move(lock)), engine_(std::move(writing), std::move(reading)) {}

  AgentConfigStore& agent_configs() override { return *agent_configs_; }
  TemplateStore& templates() override { return *templates_; }
  TeamSpecStore& teams() override { return *teams_; }
  SessionStore& sessions() override { return *sessions_; }
  RunStore& runs() override { return *runs_; }
  ApprovalStore& approvals() override { return *approvals_; }
  PoolStore& pool() override { return *pool_; }
  IdempotencyStore& idempotency() override { return *idempotency_; }
  SecretStore& secrets() override { return *secrets_; }
  SandboxAuditStore& sandbox_audit() override { return *sandbox_audit_; }
  TriggerStore& triggers() override { return *triggers_; }
  SkillStore& skills() override { return *skills_; }

 private:
  FileLock lock_;  // Outlives every connection.
  Engine engine_;
  std::unique_ptr<AgentConfigStore> agent_configs_ = make_agent_config_store(engine_);
  std::unique_ptr<TemplateStore> templates_ = make_template_store(engine_);
  std::unique_ptr<TeamSpecStore> teams_ = make_team_spec_store(engine_);
  std::unique_ptr<SessionStore> sessions_ = make_session_store(engine_);
  std::unique_ptr<RunStore> runs_ = make_run_store(engine_);
  std::unique_ptr<ApprovalStore> approvals_ = make_approval_store(engine_);
  std::unique_ptr<PoolStore> pool_ = make_pool_store(engine_);
  std::unique_ptr<IdempotencyStore> idempotency_ = make_idempotency_store(engine_);
  std::unique_ptr<SecretStore> secrets_ = make_secret_store(engine_);
  std::unique_ptr<SandboxAuditStore> sandbox_audit_ = make_sandbox_audit(engine_);
  std::unique_ptr<TriggerStore> triggers_ = make_trigger_store(engine_);
  std::unique_ptr<SkillStore> skills_ = make_skill_store(engine_);
};

// With power_cut a commit returns when the write-ahead log is on the disk, else when the operating system has
// it (https://www.sqlite.org/pragma.html#pragma_synchronous). The log's file is cut back after a burst.
Result<Database> open_writer(const std::filesystem::path& file, Durability durability) {
  ISA_TRY(auto db, Database::open(file));
  ISA_TRYV(check_ownership(db));
  ISA_TRYV(db.execute(
      "PRAGMA journal_mode = WAL; PRAGMA foreign_keys = ON; PRAGMA journal_size_limit = 67108864"));
  ISA_TRYV(db.execute(durability == Durability::power_cut ? "PRAGMA synchronous = FULL"
                                                          : "PRAGMA synchronous = NORMAL"));
  ISA_TRYV(migrate(db));
  return db;
}

// SQLite would create the file readable for everybody; its -wal and -shm files take the mode of this one.
// When this fails, opening the database does, with the reason.
void create_private(const std::filesystem::path& file) {
  const int fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
}

Result<Database> open_reader(const std::filesystem::path& file) {
  ISA_TRY(auto db, Database::open(file));
  ISA_TRYV(db.execute("PRAGMA query_only = ON"));
  return db;
}

Result<std::unique_ptr<SqliteStore>> open_all(const std::filesystem::path& file, Durability durability) {
  auto lock_file = file;
  lock_file += ".lock";
  ISA_TRY(auto lock, FileLock::take(lock_file, fmt::format("the database {}", file.string())));
  create_private(file);
  ISA_TRY(auto writing, open_writer(file, durability));
  std::vector<Database> reading;
  for (int i = 0; i < kReaders; ++i) {
    ISA_TRY(auto reader, open_reader(file));
    reading.push_back(std::move(reader));
  }
  return std::make_unique<Store>(std::move(lock), std::move(writing), std::move(reading));
}

}  // namespace

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& file,
                                                       Durability durability) {
  auto store = open_all(file, durability);
  if (store) return store;
  auto detail = fmt::format("{}: {}", file.string(), store.error().detail());
  return std::move(store.error()).with_detail(std::move(detail));
}

}  // namespace isa::store::sqlite
