#include "store/scope.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

#include <algorithm>
#include <set>

namespace isa::store::sqlite {
namespace {

Ownership ownership(const AgentTemplate& item) {
  return {item.owner_id.value_or(UserId()), item.org_id, item.visibility};
}

Result<AgentTemplate> read_document(const Row& row) {
  ISA_TRY(const auto document, parse_document(row.bytes(0)));
  return json::read<AgentTemplate>(document);
}

std::string document_of(const AgentTemplate& item) {
  return json::serialize(json::write(item));
}

Result<AgentTemplate> find_visible(Database& db, const Identity& scope, const TemplateId& id) {
  ISA_TRY(auto item, find_one(db, read_document, "SELECT document FROM agent_templates WHERE id = ?1", id));
  if (!item || !may_see(scope, ownership(*item))) return not_found("template {} does not exist", id.value());
  return *std::move(item);
}

Result<AgentTemplate> find_changeable(Database& db, const Identity& scope, const TemplateId& id) {
  ISA_TRY(auto item, find_visible(db, scope, id));
  if (!may_change(scope, ownership(item)))
    return insufficient_permissions(
        "template {} is shared with you; only its owner or an admin of its organization can change it",
        id.value());
  return item;
}

Result<std::vector<AgentTemplate>> all_visible(Database& db, const Identity& scope) {
  if (is_platform(scope)) return find_all(db, read_document, "SELECT document FROM agent_templates");
  ISA_TRY(auto found, find_all(db, read_document, "SELECT document FROM agent_templates WHERE owner_id = ?1",
                               scope.user));
  std::set<OrgId> orgs;
  for (const auto& membership : scope.orgs) orgs.insert(membership.org);
  for (const auto& org : orgs) {
    ISA_TRY(auto shared,
            find_all(db, read_document,
                     "SELECT document FROM agent_templates WHERE org_id = ?1 AND visibility = 'org'", org));
    for (auto& item : shared)
      if (item.owner_id != scope.user) found.push_back(std::move(item));
  }
  return found;
}

class Templates final : public TemplateStore {
 public:
  explicit Templates(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(AgentTemplate item) override {
    return engine_.write<void>([item = std::move(item)](Database& db) -> Result<void> {
      // Built-in templates are files; a row without an owner would belong to nobody.
      if (!item.owner_id) return internal_error("a template needs an owner to be stored");
      ISA_TRY(
          const auto added,
          change(
              db,
              "INSERT INTO agent_templates (id, owner_id, org_id, visibility, version, updated_at, document) "
              "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING",
              item.id, item.owner_id, item.org_id, item.visibility, item.version, item.updated_at,
              document_of(item)));
      if (added == 0) return conflict("the template id {} is taken", item.id.value());
      return ok();
    });
  }

  Task<Result<AgentTemplate>> find(Identity scope, TemplateId id) override {
    return engine_.read<AgentTemplate>(
        [scope = std::move(scope), id = std::move(id)](Database& db) { return find_visible(db, scope, id); });
  }

  Task<Result<AgentTemplate>> update(Identity scope, AgentTemplate next) override {
    return engine_.write<AgentTemplate>([scope = std::move(scope),
                                         next = std::move(next)](Database& db) -> Result<AgentTemplate> {
      ISA_TRY(const auto current, find_changeable(db, scope, next.id));
      if (next.version != current.version + 1)
        return conflict(
            "template {} is at version {} now: somebody else changed it; read it again and repeat the change",
            next.id.value(), current.version);
      auto saved = next;
      saved.owner_id = current.owner_id;
      saved.created_at = current.created_at;
      ISA_TRYV(run(db,
                   "UPDATE agent_templates SET org_id = ?2, visibility = ?3, version = ?4, updated_at = ?5, "
                   "document = ?6 WHERE id = ?1",
                   saved.id, saved.org_id, saved.visibility, saved.version, saved.updated_at,
                   document_of(saved)));
      return saved;
    });
  }

  Task<Result<void>> remove(Identity scope, TemplateId id) override {
    return engine_.write<void>([scope = std::move(scope), id = std::move(id)](Database& db) -> Result<void> {
      ISA_TRYV(find_changeable(db, scope, id));
      ISA_TRYV(run(db, "DELETE FROM agent_templates WHERE id = ?1", id));
      return ok();
    });
  }

  Task<Result<std::vector<AgentTemplate>>> list(Identity scope) override {
    return engine_.read<std::vector<AgentTemplate>>(
        [scope = std::move(scope)](Database& db) -> Result<std::vector<AgentTemplate>> {
          ISA_TRY(auto items, all_visible(db, scope));
          std::ranges::sort(items, [](const AgentTemplate& a, const AgentTemplate& b) {
            return std::tie(a.updated_at, a.id) > std::tie(b.updated_at, b.id);
          });
          return items;
        });
  }

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<TemplateStore> make_template_store(Engine& engine) {
  return std::make_unique<Templates>(engine);
}

}  // namespace isa::store::sqlite
