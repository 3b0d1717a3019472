#include "store/sandbox_audit.h"

#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace isa::store::sqlite {
namespace {

constexpr std::int64_t kMaxPage = 1000;

struct Numbered {
  std::int64_t number = 0;
  SandboxAuditEntry entry;
};

Result<Numbered> read_entry(const Row& row) {
  Numbered found;
  auto& e = found.entry;
  ISA_TRYV(take_all(row, 0, found.number, e.at, e.sandbox_id, e.lease_id, e.user_id, e.org_id, e.session_id,
                    e.kind, e.verdict, e.target, e.rule, e.secret, e.reason, e.bytes_out, e.bytes_in,
                    e.count));
  return found;
}

// The number of the last entry of the page before.
Result<std::int64_t> parse_place(const std::string& cursor) {
  if (cursor.empty()) return std::numeric_limits<std::int64_t>::max();
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(cursor.data(), cursor.data() + cursor.size(), number);
  if (ec != std::errc() || end != cursor.data() + cursor.size() || number < 0)
    return validation_error("the cursor is not one of this list").with_param("/cursor");
  return number;
}

Result<Page<SandboxAuditEntry>> find_page(Database& db, const SandboxAuditQuery& query, std::int64_t before,
                                          std::int64_t limit) {
  ISA_TRY(auto found,
          find_all(db, read_entry,
                   "SELECT number, at, sandbox_id, lease_id, user_id, org_id, session_id, kind, verdict, "
                   "target, rule, "
                   "secret, reason, bytes_out, bytes_in, count FROM sandbox_audit WHERE number < ?1 AND (?2 "
                   "IS NULL OR "
                   "user_id = ?2) AND (?3 IS NULL OR sandbox_id = ?3) AND (?4 IS NULL OR session_id = ?4) "
                   "ORDER BY number DESC LIMIT ?5",
                   before, query.user_id, query.sandbox_id, query.session_id, limit + 1));
  Page<SandboxAuditEntry> page;
  const bool is_last = static_cast<std::int64_t>(found.size()) <= limit;
  if (!is_last) {
    found.pop_back();
    page.next_cursor = std::to_string(found.back().number);
  }
  for (auto& one : found) page.items.push_back(std::move(one.entry));
  return page;
}

class Audit final : public SandboxAuditStore {
 public:
  explicit Audit(Engine& engine) : engine_(engine) {}

  Task<Result<void>> append(std::vector<SandboxAuditEntry> entries) override {
    return engine_.write<void>([entries = std::move(entries)](Database& db) -> Result<void> {
      for (const auto& e : entries)
        ISA_TRYV(run(
            db,
            "INSERT INTO sandbox_audit (at, sandbox_id, lease_id, user_id, org_id, session_id, kind, "
            "verdict, target, "
            "rule, secret, reason, bytes_out, bytes_in, count) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, "
            "?10, ?11, ?12, ?13, ?14, ?15)",
            e.at, e.sandbox_id, e.lease_id, e.user_id, e.org_id, e.session_id, e.kind, e.verdict, e.target,
            e.rule, e.secret, e.reason, e.bytes_out, e.bytes_in, e.count));
      return ok();
    });
  }

  Task<Result<Page<SandboxAuditEntry>>> list(SandboxAuditQuery query, std::string cursor,
                                             std::int64_t limit) override {
    return engine_.read<Page<SandboxAuditEntry>>([query = std::move(query), cursor = std::move(cursor),
                                                  limit](Database& db) -> Result<Page<SandboxAuditEntry>> {
      ISA_TRY(const auto before, parse_place(cursor));
      return find_page(db, query, before, std::clamp<std::int64_t>(limit, 1, kMaxPage));
    });
  }

  Task<Result<void>> forget_before(Timestamp at) override {
    return engine_.write<void>([at](Database& db) -> Result<void> {
      return run(db, "DELETE FROM sandbox_audit WHERE at < ?1", at);
    });
  }

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<SandboxAuditStore> make_sandbox_audit(Engine& engine) {
  return std::make_unique<Audit>(engine);
}

}  // namespace isa::store::sqlite
