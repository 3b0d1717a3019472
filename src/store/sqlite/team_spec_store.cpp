#include "store/sqlite/documents.h"
#include "store/sqlite/stores.h"

namespace isa::store::sqlite {
namespace {

constexpr Documents<TeamSpec> kTeams(
    {.noun = "team", .name = "team_specs", .versions = "team_spec_versions", .key = "team_id"});

class Teams final : public TeamSpecStore {
 public:
  explicit Teams(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(TeamSpec spec) override {
    return engine_.write<void>([spec = std::move(spec)](Database& db) { return kTeams.insert(db, spec); });
  }

  Task<Result<TeamSpec>> find(Identity scope, TeamId id) override {
    return engine_.read<TeamSpec>([scope = std::move(scope), id = std::move(id)](Database& db) {
      return kTeams.find_visible(db, scope, id);
    });
  }

  Task<Result<TeamSpec>> update(Identity scope, TeamSpec next) override {
    return engine_.write<TeamSpec>(
        [scope = std::move(scope), next = std::move(next)](Database& db) -> Result<TeamSpec> {
          ISA_TRY(const auto current, kTeams.find_changeable(db, scope, next.id));
          return kTeams.replace(db, current, next);
        });
  }

  Task<Result<void>> remove(Identity scope, TeamId id,
                            std::optional<std::int64_t> expected_version) override {
    return engine_.write<void>(
        [scope = std::move(scope), id = std::move(id), expected_version](Database& db) -> Result<void> {
          ISA_TRY(const auto current, kTeams.find_changeable(db, scope, id));
          if (expected_version && *expected_version != current.version)
            return kTeams.changed_meanwhile(current);
          return run(db, "DELETE FROM team_specs WHERE id = ?1", id);
        });
  }

  Task<Result<Page<TeamSpec>>> list(Identity scope, std::string cursor, std::size_t limit) override {
    return engine_.read<Page<TeamSpec>>([scope = std::move(scope), cursor = std::move(cursor), limit](
                                            Database& db) { return kTeams.page(db, scope, cursor, limit); });
  }

  Task<Result<Page<TeamSpec>>> versions(Identity scope, TeamId id, std::string cursor,
                                        std::size_t limit) override {
    return engine_.read<Page<TeamSpec>>(
        [scope = std::move(scope), id = std::move(id), cursor = std::move(cursor), limit](Database& db) {
          return kTeams.versions(db, scope, id, cursor, limit);
        });
  }

  Task<Result<TeamSpec>> find_version(Identity scope, TeamId id, std::int64_t version) override {
    return engine_.read<TeamSpec>([scope = std::move(scope), id = std::move(id), version](Database& db) {
      return kTeams.find_version(db, scope, id, version);
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
