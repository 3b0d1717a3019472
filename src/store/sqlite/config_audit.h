// The audit of agent configs (store/agent_config.h), written in the transaction of each change.
#pragma once

#include "store/agent_config.h"
#include "store/sqlite/query.h"

namespace isa::store::sqlite {

// Gives the entry its seq.
Result<void> record(Database& db, AuditEntry entry);
// What `actor` changed from `before` to `after`: as update and share, each where it applies.
Result<void> record_update(Database& db, const UserId& actor, const AgentConfig& before,
                           const AgentConfig& after);
// The fields whose values differ; not those that change by themselves (version, updated_at).
std::vector<std::string> changed_fields(const AgentConfig& before, const AgentConfig& after);

// At most `limit` entries, newest first.
Result<Page<AuditEntry>> audit_page(Database& db, const AgentId& id, const std::string& cursor,
                                    std::size_t limit);

}  // namespace isa::store::sqlite
