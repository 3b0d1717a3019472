#include "store/scope.h"
#include "store/skill.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

#include <algorithm>
#include <set>
#include <tuple>

namespace isa::store::sqlite {
namespace {

Ownership ownership(const Skill& skill) {
  return {skill.owner_id, skill.org_id, skill.visibility};
}

Result<Skill> read_document(const Row& row) {
  ISA_TRY(const auto document, parse_document(row.bytes(0)));
  return json::read<Skill>(document);
}

Result<PackedFile> read_file(const Row& row) {
  PackedFile file;
  Blob content;
  std::int64_t is_executable = 0;
  ISA_TRYV(take_all(row, 0, file.path, is_executable, content));
  file.is_executable = is_executable != 0;
  file.content = std::move(content.bytes);
  return file;
}

std::string document_of(const Skill& skill) {
  return json::serialize(json::write(skill));
}

// The organization that a skill is shared with; none for a private one.
std::optional<OrgId> shared_with(const Skill& skill) {
  return skill.visibility == Visibility::org ? skill.org_id : std::nullopt;
}

Error no_skill(std::string_view name) {
  return not_found("the skill '{}' does not exist", name);
}

Error name_taken(const Skill& skill) {
  return conflict("the name '{}' is taken{}; change that skill or choose another name", skill.name,
                  skill.visibility == Visibility::org ? " by a skill of yours or of the organization" : "");
}

Result<Skill> find_visible(Database& db, const Identity& scope, const SkillId& id) {
  ISA_TRY(auto skill, find_one(db, read_document, "SELECT document FROM skills WHERE id = ?1", id));
  if (!skill || !may_see(scope, ownership(*skill))) return no_skill(id.value());
  return *std::move(skill);
}

Result<Skill> find_changeable(Database& db, const Identity& scope, const SkillId& id) {
  ISA_TRY(auto skill, find_visible(db, scope, id));
  if (!may_change(scope, ownership(skill)))
    return insufficient_permissions(
        "the skill '{}' is shared with you; only its owner or an admin of its organization can change it",
        skill.name);
  return skill;
}

Result<Skill> find_by_name(Database& db, const Identity& scope, const std::string& name) {
  ISA_TRY(auto own,
          find_one(db, read_document, "SELECT document FROM skills WHERE owner_id = ?1 AND name = ?2",
                   scope.user, name));
  if (own) return *std::move(own);
  for (const auto& membership : scope.orgs) {
    ISA_TRY(auto shared,
            find_one(db, read_document, "SELECT document FROM skills WHERE shared_with = ?1 AND name = ?2",
                     membership.org, name));
    if (shared) return *std::move(shared);
  }
  return no_skill(name);
}

Result<std::vector<Skill>> all_visible(Database& db, const Identity& scope) {
  if (is_platform(scope)) return find_all(db, read_document, "SELECT document FROM skills");
  ISA_TRY(auto found,
          find_all(db, read_document, "SELECT document FROM skills WHERE owner_id = ?1", scope.user));
  std::set<OrgId> orgs;
  for (const auto& membership : scope.orgs) orgs.insert(membership.org);
  for (const auto& org : orgs) {
    ISA_TRY(auto shared,
            find_all(db, read_document, "SELECT document FROM skills WHERE shared_with = ?1", org));
    for (auto& skill : shared)
      if (skill.owner_id != scope.user) found.push_back(std::move(skill));
  }
  return found;
}

Result<void> write_files(Database& db, const SkillId& id, const std::vector<PackedFile>& files) {
  ISA_TRYV(run(db, "DELETE FROM skill_files WHERE skill_id = ?1", id));
  for (const auto& file : files)
    ISA_TRYV(run(db,
                 "INSERT INTO skill_files (skill_id, path, is_executable, content) VALUES (?1, ?2, ?3, ?4)",
                 id, file.path, std::int64_t{file.is_executable}, Blob{file.content}));
  return ok();
}

Result<void> check_room(Database& db, const UserId& owner) {
  ISA_TRY(const auto count,
          find_one(db, take_one<std::int64_t>, "SELECT count(*) FROM skills WHERE owner_id = ?1", owner));
  if (count.value_or(0) < kSkillsPerOwnerMax) return ok();
  return payload_too_large("you have {} skills, the limit; delete one first", kSkillsPerOwnerMax);
}

class Skills final : public SkillStore {
 public:
  explicit Skills(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(Skill skill, std::vector<PackedFile> files) override {
    return engine_.write<void>([skill = std::move(skill),
                                files = std::move(files)](Database& db) -> Result<void> {
      ISA_TRYV(check_room(db, skill.owner_id));
      ISA_TRY(
          const auto added,
          change(db,
                 "INSERT INTO skills (id, owner_id, shared_with, name, document) VALUES (?1, ?2, ?3, ?4, ?5) "
                 "ON CONFLICT DO NOTHING",
                 skill.id, skill.owner_id, shared_with(skill), skill.name, document_of(skill)));
      if (added == 0) return name_taken(skill);
      return write_files(db, skill.id, files);
    });
  }

  Task<Result<Skill>> update(Identity scope, Skill next, std::vector<PackedFile> files) override {
    return engine_.write<Skill>([scope = std::move(scope), next = std::move(next),
                                 files = std::move(files)](Database& db) -> Result<Skill> {
      ISA_TRY(const auto current, find_changeable(db, scope, next.id));
      if (next.version != current.version + 1)
        return conflict("the skill '{}' is at version {} now: somebody else changed it; read it again",
                        current.name, current.version);
      auto saved = next;
      saved.name = current.name;
      saved.owner_id = current.owner_id;
      saved.created_at = current.created_at;
      ISA_TRY(const auto changed,
              change(db, "UPDATE OR IGNORE skills SET shared_with = ?2, document = ?3 WHERE id = ?1",
                     saved.id, shared_with(saved), document_of(saved)));
      if (changed == 0) return name_taken(saved);
      ISA_TRYV(write_files(db, saved.id, files));
      return saved;
    });
  }

  Task<Result<void>> remove(Identity scope, SkillId id) override {
    return engine_.write<void>([scope = std::move(scope), id = std::move(id)](Database& db) -> Result<void> {
      ISA_TRYV(find_changeable(db, scope, id));
      return run(db, "DELETE FROM skills WHERE id = ?1", id);
    });
  }

  Task<Result<Skill>> find(Identity scope, SkillId id) override {
    return engine_.read<Skill>(
        [scope = std::move(scope), id = std::move(id)](Database& db) { return find_visible(db, scope, id); });
  }

  Task<Result<Skill>> find_named(Identity scope, std::string name) override {
    return engine_.read<Skill>([scope = std::move(scope), name = std::move(name)](Database& db) {
      return find_by_name(db, scope, name);
    });
  }

  Task<Result<std::vector<Skill>>> list(Identity scope) override {
    return engine_.read<std::vector<Skill>>(
        [scope = std::move(scope)](Database& db) -> Result<std::vector<Skill>> {
          ISA_TRY(auto skills, all_visible(db, scope));
          const auto rank = [&](const Skill& skill) {
            return std::tuple(std::string_view(skill.name), skill.owner_id != scope.user, skill.owner_id);
          };
          std::ranges::sort(skills, {}, rank);
          return skills;
        });
  }

  Task<Result<std::vector<PackedFile>>> files(Identity scope, SkillId id) override {
    return engine_.read<std::vector<PackedFile>>(
        [scope = std::move(scope), id = std::move(id)](Database& db) -> Result<std::vector<PackedFile>> {
          ISA_TRYV(find_visible(db, scope, id));
          return find_all(
              db, read_file,
              "SELECT path, is_executable, content FROM skill_files WHERE skill_id = ?1 ORDER BY path", id);
        });
  }

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<SkillStore> make_skill_store(Engine& engine) {
  return std::make_unique<Skills>(engine);
}

}  // namespace isa::store::sqlite
