#include "store/cursor.h"
#include "store/scope.h"
#include "store/sqlite/config_audit.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

#include <algorithm>
#include <iterator>
#include <set>

namespace isa::store::sqlite {
namespace {

constexpr std::size_t kMaxPage = 1000;

Ownership ownership(const AgentConfig& config) {
  return {config.owner_id, config.org_id, config.visibility};
}

Error no_such(const AgentId& id) {
  return not_found("agent {} does not exist", id.value());
}

Result<AgentConfig> read_document(const Row& row) {
  ISA_TRY(const auto document, parse_document(row.bytes(0)));
  return json::read<AgentConfig>(document);
}

std::string document_of(const AgentConfig& config) {
  return json::serialize(json::write(config));
}

Result<AgentConfig> find_visible(Database& db, const Identity& scope, const AgentId& id) {
  ISA_TRY(auto config,
          find_one(db, read_document,
                   "SELECT document FROM agent_configs WHERE id = ?1 AND deleted_at IS NULL", id));
  if (!config || !may_see(scope, ownership(*config))) return no_such(id);
  return *std::move(config);
}

Result<AgentConfig> find_changeable(Database& db, const Identity& scope, const AgentId& id) {
  ISA_TRY(auto config, find_visible(db, scope, id));
  if (!may_change(scope, ownership(config)))
    return insufficient_permissions(
        "agent {} is shared with you; only its owner or an admin of its organization can change it",
        id.value());
  return config;
}

Error changed_meanwhile(const AgentConfig& current) {
  return conflict(
      "agent {} is at version {} now: somebody else changed it; read it again and repeat the change",
      current.id.value(), current.version);
}

Result<void> save_version(Database& db, const AgentConfig& config, const std::string& document) {
  return run(db, "INSERT INTO agent_config_versions (agent_id, version, document) VALUES (?1, ?2, ?3)",
             config.id, config.version, document);
}

Result<AgentConfig> replace(Database& db, const AgentConfig& current, AgentConfig next) {
  if (next.version != current.version + 1) return changed_meanwhile(current);
  next.owner_id = current.owner_id;
  next.created_at = current.created_at;
  const auto document = document_of(next);
  ISA_TRYV(run(db,
               "UPDATE agent_configs SET org_id = ?2, visibility = ?3, version = ?4, updated_at = ?5, "
               "document = ?6 WHERE id = ?1",
               next.id, next.org_id, next.visibility, next.version, next.updated_at, document));
  ISA_TRYV(save_version(db, next, document));
  return next;
}

Result<Page<AuditEntry>> audit_of(Database& db, const Identity& scope, const AgentId& id,
                                  const std::string& cursor, std::size_t limit) {
  if (const auto found = find_visible(db, scope, id); !found) {
    if (found.error().kind() != ErrorKind::not_found) return Failure(found.error());
    ISA_TRY(const auto deleted,
            find_one(db, read_document,
                     "SELECT document FROM agent_configs WHERE id = ?1 AND deleted_at IS NOT NULL", id));
    if (!deleted || (deleted->owner_id != scope.user && !is_platform(scope))) return no_such(id);
  }
  return audit_page(db, id, cursor, limit);
}

// Each source of rows (own, or of one org) is read through an index of its own, as far as the page needs; so
// a page costs the same however many rows there are.
Result<std::vector<AgentConfig>> newest_of_all_sources(Database& db, const Identity& scope,
                                                       const Cursor& after, std::int64_t count) {
  if (is_platform(scope))
    return find_all(
        db, read_document,
        "SELECT document FROM agent_configs WHERE deleted_at IS NULL AND (updated_at, id) < (?1, ?2) "
        "ORDER BY updated_at DESC, id DESC LIMIT ?3",
        after.position, after.id, count);
  ISA_TRY(auto found,
          find_all(db, read_document,
                   "SELECT document FROM agent_configs WHERE owner_id = ?1 AND deleted_at IS NULL AND "
                   "(updated_at, id) < (?2, ?3) ORDER BY updated_at DESC, id DESC LIMIT ?4",
                   scope.user, after.position, after.id, count));
  std::set<OrgId> orgs;
  for (const auto& membership : scope.orgs) orgs.insert(membership.org);
  for (const auto& org : orgs) {
    ISA_TRY(auto shared,
            find_all(db, read_document,
                     "SELECT document FROM agent_configs WHERE org_id = ?1 AND visibility = 'org' AND "
                     "deleted_at IS NULL AND (updated_at, id) < (?2, ?3) "
                     "ORDER BY updated_at DESC, id DESC LIMIT ?4",
                     org, after.position, after.id, count));
    std::ranges::copy_if(std::make_move_iterator(shared.begin()), std::make_move_iterator(shared.end()),
                         std::back_inserter(found),
                         [&](const AgentConfig& config) { return config.owner_id != scope.user; });
  }
  std::ranges::sort(found, [](const AgentConfig& a, const AgentConfig& b) {
    return std::tie(a.updated_at, a.id) > std::tie(b.updated_at, b.id);
  });
  return found;
}

class Configs final : public AgentConfigStore {
 public:
  explicit Configs(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(AgentConfig config) override {
    return engine_.write<void>([config = std::move(config)](Database& db) -> Result<void> {
      const auto document = document_of(config);
      ISA_TRY(
          const auto added,
          change(
              db,
              "INSERT INTO agent_configs (id, owner_id, org_id, visibility, version, updated_at, document) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
              config.id, config.owner_id, config.org_id, config.visibility, config.version, config.updated_at,
              document));
      if (added == 0) return conflict("the agent id {} is taken", config.id.value());
      ISA_TRYV(save_version(db, config, document));
      return record(db, {.agent_config_id = config.id,
                         .action = AuditAction::create,
                         .actor_id = config.owner_id,
                         .version = config.version,
                         .at = config.created_at});
    });
  }

  Task<Result<AgentConfig>> find(Identity scope, AgentId id) override {
    return engine_.read<AgentConfig>(
        [scope = std::move(scope), id = std::move(id)](Database& db) { return find_visible(db, scope, id); });
  }

  Task<Result<AgentConfig>> update(Identity scope, AgentConfig next) override {
    return engine_.write<AgentConfig>(
        [scope = std::move(scope), next = std::move(next)](Database& db) -> Result<AgentConfig> {
          ISA_TRY(const auto current, find_changeable(db, scope, next.id));
          ISA_TRY(auto saved, replace(db, current, next));
          ISA_TRYV(record_update(db, scope.user, current, saved));
          return saved;
        });
  }

  Task<Result<AgentConfig>> roll_back(Identity scope, AgentConfig next, std::int64_t restored) override {
    return engine_.write<AgentConfig>(
        [scope = std::move(scope), next = std::move(next), restored](Database& db) -> Result<AgentConfig> {
          ISA_TRY(const auto current, find_changeable(db, scope, next.id));
          ISA_TRY(auto saved, replace(db, current, next));
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
          ISA_TRY(const auto current, find_changeable(db, scope, id));
          if (expected_version && *expected_version != current.version) return changed_meanwhile(current);
          ISA_TRYV(run(db, "UPDATE agent_configs SET deleted_at = ?2 WHERE id = ?1", id, at));
          return record(db, {.agent_config_id = id,
                             .action = AuditAction::delete_,
                             .actor_id = scope.user,
                             .version = current.version,
                             .at = at});
        });
  }

  Task<Result<Page<AgentConfig>>> list(Identity scope, std::string cursor, std::size_t limit) override {
    return engine_.read<Page<AgentConfig>>([scope = std::move(scope), cursor = std::move(cursor),
                                            limit](Database& db) -> Result<Page<AgentConfig>> {
      const auto size = std::clamp<std::size_t>(limit, 1, kMaxPage);
      ISA_TRY(const auto after, parse_cursor(cursor));
      Page<AgentConfig> page;
      // One more than asked for tells whether there is a next page.
      ISA_TRY(page.items, newest_of_all_sources(db, scope, after, static_cast<std::int64_t>(size) + 1));
      if (page.items.size() > size) {
        page.items.resize(size);
        page.next_cursor = to_text({to_millis(page.items.back().updated_at), page.items.back().id.value()});
      }
      return page;
    });
  }

  Task<Result<std::vector<AgentConfig>>> versions(Identity scope, AgentId id) override {
    return engine_.read<std::vector<AgentConfig>>(
        [scope = std::move(scope), id = std::move(id)](Database& db) -> Result<std::vector<AgentConfig>> {
          ISA_TRYV(find_visible(db, scope, id));
          return find_all(
              db, read_document,
              "SELECT document FROM agent_config_versions WHERE agent_id = ?1 ORDER BY version DESC", id);
        });
  }

  Task<Result<AgentConfig>> find_version(Identity scope, AgentId id, std::int64_t version) override {
    return engine_.read<AgentConfig>(
        [scope = std::move(scope), id = std::move(id), version](Database& db) -> Result<AgentConfig> {
          ISA_TRYV(find_visible(db, scope, id));
          ISA_TRY(auto config,
                  find_one(db, read_document,
                           "SELECT document FROM agent_config_versions WHERE agent_id = ?1 AND version = ?2",
                           id, version));
          if (!config) return not_found("agent {} has no version {}", id.value(), version);
          return *std::move(config);
        });
  }

  Task<Result<Page<AuditEntry>>> audit(Identity scope, AgentId id, std::string cursor,
                                       std::size_t limit) override {
    return engine_.read<Page<AuditEntry>>(
        [scope = std::move(scope), id = std::move(id), cursor = std::move(cursor), limit](Database& db) {
          return audit_of(db, scope, id, cursor, std::clamp<std::size_t>(limit, 1, kMaxPage));
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
