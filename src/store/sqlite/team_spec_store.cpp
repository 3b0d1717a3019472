#include "store/cursor.h"
#include "store/scope.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

#include <algorithm>
#include <set>

namespace isa::store::sqlite {
namespace {

constexpr std::size_t kMaxPage = 1000;

Ownership ownership(const TeamSpec& spec) {
  return {spec.owner_id, spec.org_id, spec.visibility};
}

Result<TeamSpec> read_document(const Row& row) {
  ISA_TRY(const auto document, parse_document(row.bytes(0)));
  return json::read<TeamSpec>(document);
}

std::string document_of(const TeamSpec& spec) {
  return json::serialize(json::write(spec));
}

Result<TeamSpec> find_visible(Database& db, const Identity& scope, const TeamId& id) {
  ISA_TRY(auto spec, find_one(db, read_document, "SELECT document FROM team_specs WHERE id = ?1", id));
  if (!spec || !may_see(scope, ownership(*spec))) return not_found("team {} does not exist", id.value());
  return *std::move(spec);
}

Result<TeamSpec> find_changeable(Database& db, const Identity& scope, const TeamId& id) {
  ISA_TRY(auto spec, find_visible(db, scope, id));
  if (!may_change(scope, ownership(spec)))
    return insufficient_permissions(
        "team {} is shared with you; only its owner or an admin of its organization can change it",
        id.value());
  return spec;
}

Error changed_meanwhile(const TeamSpec& current) {
  return conflict(
      "team {} is at version {} now: somebody else changed it; read it again and repeat the change",
      current.id.value(), current.version);
}

// Each source of rows is read through an index of its own, as far as the page needs.
Result<std::vector<TeamSpec>> newest(Database& db, const Identity& scope, const Cursor& after,
                                     std::int64_t count) {
  if (is_platform(scope))
    return find_all(db, read_document,
                    "SELECT document FROM team_specs WHERE (updated_at, id) < (?1, ?2) "
                    "ORDER BY updated_at DESC, id DESC LIMIT ?3",
                    after.position, after.id, count);
  ISA_TRY(auto found, find_all(db, read_document,
                               "SELECT document FROM team_specs WHERE owner_id = ?1 AND "
                               "(updated_at, id) < (?2, ?3) ORDER BY updated_at DESC, id DESC LIMIT ?4",
                               scope.user, after.position, after.id, count));
  std::set<OrgId> orgs;
  for (const auto& membership : scope.orgs) orgs.insert(membership.org);
  for (const auto& org : orgs) {
    ISA_TRY(auto shared,
            find_all(db, read_document,
                     "SELECT document FROM team_specs WHERE org_id = ?1 AND visibility = 'org' AND "
                     "(updated_at, id) < (?2, ?3) ORDER BY updated_at DESC, id DESC LIMIT ?4",
                     org, after.position, after.id, count));
    for (auto& spec : shared)
      if (spec.owner_id != scope.user) found.push_back(std::move(spec));
  }
  std::ranges::sort(found, [](const TeamSpec& a, const TeamSpec& b) {
    return std::tie(a.updated_at, a.id) > std::tie(b.updated_at, b.id);
  });
  return found;
}

class Teams final : public TeamSpecStore {
 public:
  explicit Teams(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(TeamSpec spec) override {
    return engine_.write<void>([spec = std::move(spec)](Database& db) -> Result<void> {
      ISA_TRY(
          const auto added,
          change(db,
                 "INSERT INTO team_specs (id, owner_id, org_id, visibility, version, updated_at, document) "
                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
                 spec.id, spec.owner_id, spec.org_id, spec.visibility, spec.version, spec.updated_at,
                 document_of(spec)));
      if (added == 0) return conflict("the team id {} is taken", spec.id.value());
      return ok();
    });
  }

  Task<Result<TeamSpec>> find(Identity scope, TeamId id) override {
    return engine_.read<TeamSpec>(
        [scope = std::move(scope), id = std::move(id)](Database& db) { return find_visible(db, scope, id); });
  }

  Task<Result<TeamSpec>> update(Identity scope, TeamSpec next) override {
    return engine_.write<TeamSpec>(
        [scope = std::move(scope), next = std::move(next)](Database& db) -> Result<TeamSpec> {
          ISA_TRY(const auto current, find_changeable(db, scope, next.id));
          if (next.version != current.version + 1) return changed_meanwhile(current);
          auto saved = next;
          saved.owner_id = current.owner_id;
          saved.created_at = current.created_at;
          ISA_TRYV(run(db,
                       "UPDATE team_specs SET org_id = ?2, visibility = ?3, version = ?4, updated_at = ?5, "
                       "document = ?6 WHERE id = ?1",
                       saved.id, saved.org_id, saved.visibility, saved.version, saved.updated_at,
                       document_of(saved)));
          return saved;
        });
  }

  Task<Result<void>> remove(Identity scope, TeamId id,
                            std::optional<std::int64_t> expected_version) override {
    return engine_.write<void>(
        [scope = std::move(scope), id = std::move(id), expected_version](Database& db) -> Result<void> {
          ISA_TRY(const auto current, find_changeable(db, scope, id));
          if (expected_version && *expected_version != current.version) return changed_meanwhile(current);
          return run(db, "DELETE FROM team_specs WHERE id = ?1", id);
        });
  }

  Task<Result<Page<TeamSpec>>> list(Identity scope, std::string cursor, std::size_t limit) override {
    return engine_.read<Page<TeamSpec>>([scope = std::move(scope), cursor = std::move(cursor),
                                         limit](Database& db) -> Result<Page<TeamSpec>> {
      const auto size = std::clamp<std::size_t>(limit, 1, kMaxPage);
      ISA_TRY(const auto after, parse_cursor(cursor));
      Page<TeamSpec> page;
      // One more than asked for tells whether there is a next page.
      ISA_TRY(page.items, newest(db, scope, after, static_cast<std::int64_t>(size) + 1));
      if (page.items.size() > size) {
        page.items.resize(size);
        page.next_cursor = to_text({to_millis(page.items.back().updated_at), page.items.back().id.value()});
      }
      return page;
    });
  }

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<TeamSpecStore> make_team_spec_store(Engine& engine) {
  return std::make_unique<Teams>(engine);
}

}  // namespace isa::store::sqlite
