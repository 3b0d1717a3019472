#include "store/sqlite/config_audit.h"
#include "store/sqlite/documents.h"
#include "store/sqlite/stores.h"

namespace isa::store::sqlite {
namespace {

constexpr Documents<AgentConfig> kAgents({.noun = "agent",
                                          .name = "agent_configs",
                                          .versions = "agent_config_versions",
                                          .key = "agent_id",
                                          .alive = " AND deleted_at IS NULL"});

Result<Page<AuditEntry>> audit_of(Database& db, const Identity& scope, const AgentId& id,
                                  const std::string& cursor, std::size_t limit) {
  if (const auto found = kAgents.find_visible(db, scope, id); !found) {
    if (found.error().kind() != ErrorKind::not_found) return Failure(found.error());
    ISA_TRY(const auto deleted,
            find_one(db, Documents<AgentConfig>::read,
                     "SELECT document FROM agent_configs WHERE id = ?1 AND deleted_at IS NOT NULL", id));
    if (!deleted || (deleted->owner_id != scope.user && !is_platform(scope))) return kAgents.no_such(id);
  }
  return audit_page(db, id, cursor, limit);
}

class Configs final : public AgentConfigStore {
 public:
  explicit Configs(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(AgentConfig config) override {
    return engine_.write<void>([config = std::move(config)](Database& db) -> Result<void> {
      ISA_TRYV(kAgents.insert(db, config));
      return record(db, {.agent_config_id = config.id,
                         .action = AuditAction::create,
                         .actor_id = config.owner_id,
                         .version = config.version,
                         .at = config.created_at});
    });
  }

  Task<Result<AgentConfig>> find(Identity scope, AgentId id) override {
    return engine_.read<AgentConfig>([scope = std::move(scope), id = std::move(id)](Database& db) {
      return kAgents.find_visible(db, scope, id);
    });
  }

  Task<Result<AgentConfig>> update(Identity scope, AgentConfig next) override {
    return engine_.write<AgentConfig>(
        [scope = std::move(scope), next = std::move(next)](Database& db) -> Result<AgentConfig> {
          ISA_TRY(const auto current, kAgents.find_changeable(db, scope, next.id));
          ISA_TRY(auto saved, kAgents.replace(db, current, next));
          ISA_TRYV(record_update(db, scope.user, current, saved));
          return saved;
        });
  }

  Task<Result<AgentConfig>> roll_back(Identity scope, AgentConfig next, std::int64_t restored) override {
    return engine_.write<AgentConfig>(
        [scope = std::move(scope), next = std::move(next), restored](Database& db) -> Result<AgentConfig> {
          ISA_TRY(const auto current, kAgents.find_changeable(db, scope, next.id));
          ISA_TRY(auto saved, kAgents.replace(db, current, next));
          ISA_TRYV(record(db, {.agent_config_id = saved.id,
                               .action = AuditAction::rollback,
                               .actor_id = scope.user,
                               .version = saved.version,
                               .fields = changed_fields(current, saved),
                               .restored = restored,
                               .at = saved.updated_at}));
          return saved;
        });
  }

  Task<Result<void>> remove(Identity scope, AgentId id, std::optional<std::int64_t> expected_version,
                            Timestamp at) override {
    return engine_.write<void>(
        [scope = std::move(scope), id = std::move(id), expected_version, at](Database& db) -> Result<void> {
          ISA_TRY(const auto current, kAgents.find_changeable(db, scope, id));
          if (expected_version && *expected_version != current.version)
            return kAgents.changed_meanwhile(current);
          ISA_TRYV(run(db, "UPDATE agent_configs SET deleted_at = ?2 WHERE id = ?1", id, at));
          return record(db, {.agent_config_id = id,
                             .action = AuditAction::delete_,
                             .actor_id = scope.user,
                             .version = current.version,
                             .at = at});
        });
  }

  Task<Result<Page<AgentConfig>>> list(Identity scope, std::string cursor, std::size_t limit) override {
    return engine_.read<Page<AgentConfig>>(
        [scope = std::move(scope), cursor = std::move(cursor), limit](Database& db) {
          return kAgents.page(db, scope, cursor, limit);
        });
  }

  Task<Result<Page<AgentConfig>>> versions(Identity scope, AgentId id, std::string cursor,
                                           std::size_t limit) override {
    return engine_.read<Page<AgentConfig>>(
        [scope = std::move(scope), id = std::move(id), cursor = std::move(cursor), limit](Database& db) {
          return kAgents.versions(db, scope, id, cursor, limit);
        });
  }

  Task<Result<AgentConfig>> find_version(Identity scope, AgentId id, std::int64_t version) override {
    return engine_.read<AgentConfig>([scope = std::move(scope), id = std::move(id), version](Database& db) {
      return kAgents.find_version(db, scope, id, version);
    });
  }

  Task<Result<Page<AuditEntry>>> audit(Identity scope, AgentId id, std::string cursor,
                                       std::size_t limit) override {
    return engine_.read<Page<AuditEntry>>(
        [scope = std::move(scope), id = std::move(id), cursor = std::move(cursor), limit](Database& db) {
          return audit_of(db, scope, id, cursor,
                          std::clamp<std::size_t>(limit, 1, Documents<AgentConfig>::kMaxPage));
        });
  }

  Task<Result<std::vector<AgentId>>> purge(Timestamp before) override {
    return engine_.write<std::vector<AgentId>>([before](Database& db) -> Result<std::vector<AgentId>> {
      ISA_TRY(
          auto ids,
          find_all(db, take_one<AgentId>,
                   "SELECT id FROM agent_configs WHERE deleted_at IS NOT NULL AND deleted_at < ?1", before));
      ISA_TRYV(
          change(db, "DELETE FROM agent_configs WHERE deleted_at IS NOT NULL AND deleted_at < ?1", before));
      return ids;
    });
  }

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<AgentConfigStore> make_agent_config_store(Engine& engine) {
  return std::make_unique<Configs>(engine);
}

}  // namespace isa::store::sqlite
