#include "store/sqlite/config_audit.h"

#include "store/cursor.h"

#include <algorithm>
#include <iterator>

namespace isa::store::sqlite {
namespace {

Result<AuditEntry> read_entry(const Row& row) {
  AuditEntry entry;
  std::string fields;
  ISA_TRYV(take_all(row, 0, entry.agent_config_id, entry.seq, entry.action, entry.actor_id, entry.version,
                    fields, entry.restored, entry.at));
  ISA_TRY(const auto list, parse_document(fields));
  ISA_TRY(entry.fields, json::read<std::vector<std::string>>(list));
  return entry;
}

bool is_about_sharing(const std::string& field) {
  return field == "visibility" || field == "org_id";
}

}  // namespace

Result<void> record(Database& db, AuditEntry entry) {
  return run(
      db,
      "INSERT INTO agent_config_audit (agent_id, seq, action, actor_id, version, fields, restored, at) "
      "SELECT ?1, 1 + coalesce(max(seq), 0), ?2, ?3, ?4, ?5, ?6, ?7 FROM agent_config_audit "
      "WHERE agent_id = ?1",
      entry.agent_config_id, entry.action, entry.actor_id, entry.version,
      json::serialize(json::write(entry.fields)), entry.restored, entry.at);
}

Result<void> record_update(Database& db, const UserId& actor, const AgentConfig& before,
                           const AgentConfig& after) {
  const auto changed = changed_fields(before, after);
  std::vector<std::string> shared, fields;
  std::ranges::partition_copy(changed, std::back_inserter(shared), std::back_inserter(fields),
                              is_about_sharing);
  // A change that changes nothing is a new version all the same.
  if (!fields.empty() || shared.empty())
    ISA_TRYV(record(db, {.agent_config_id = after.id,
                         .action = AuditAction::update,
                         .actor_id = actor,
                         .version = after.version,
                         .fields = std::move(fields),
                         .at = after.updated_at}));
  if (shared.empty()) return ok();
  return record(db, {.agent_config_id = after.id,
                     .action = AuditAction::share,
                     .actor_id = actor,
                     .version = after.version,
                     .fields = std::move(shared),
                     .at = after.updated_at});
}

std::vector<std::string> changed_fields(const AgentConfig& before, const AgentConfig& after) {
  const auto old = json::write(before);
  const auto now = json::write(after);
  std::vector<std::string> fields;
  for (const auto& [name, value] : now.get_object()) {
    if (name == "version" || name == "updated_at") continue;
    if (const auto* was = old.get_object().if_contains(name); !was || *was != value)
      fields.emplace_back(name);
  }
  return fields;
}

Result<Page<AuditEntry>> audit_page(Database& db, const AgentId& id, const std::string& cursor,
                                    std::size_t limit) {
  ISA_TRY(const auto before, parse_cursor(cursor));
  Page<AuditEntry> page;
  // One more than asked for tells whether there is a next page.
  ISA_TRY(page.items, find_all(db, read_entry,
                               "SELECT agent_id, seq, action, actor_id, version, fields, restored, at "
                               "FROM agent_config_audit WHERE agent_id = ?1 AND seq < ?2 "
                               "ORDER BY seq DESC LIMIT ?3",
                               id, before.position, static_cast<std::int64_t>(limit) + 1));
  if (page.items.size() > limit) {
    page.items.resize(limit);
    page.next_cursor = to_text({page.items.back().seq, id.value()});
  }
  return page;
}

}  // namespace isa::store::sqlite
