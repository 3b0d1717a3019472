#include "store/cursor.h"
#include "store/scope.h"
#include "store/sqlite/approvals.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"

#include <algorithm>

namespace isa::store::sqlite {
namespace {

constexpr std::size_t kMaxPage = 1000;
constexpr const char* kColumns = "document, state, edited_args, decision_text, decided_by, decided_at";

// The document is the question as it was asked; what became of it has columns of its own.
Result<Approval> read_approval(const Row& row) {
  json::object document;
  ISA_TRYV(take(row, 0, document));
  const json::value whole = std::move(document);
  ISA_TRY(auto approval, json::read<Approval>(whole));
  ISA_TRYV(take_all(row, 1, approval.state, approval.edited_args, approval.text, approval.decided_by,
                    approval.decided_at));
  return approval;
}

Result<Allowance> read_allowance(const Row& row) {
  Allowance a;
  ISA_TRYV(take_all(row, 0, a.id, a.owner_id, a.agent_config_id, a.pattern, a.created_at));
  return a;
}

Result<Approval> find_approval(Database& db, const Identity& scope, const RunId& run, const ApprovalId& id) {
  ISA_TRY(auto found,
          find_one(db, read_approval,
                   fmt::format("SELECT {} FROM approvals WHERE id = ?1 AND run_id = ?2", kColumns), id, run));
  if (!found || (found->owner_id != scope.user && !is_platform(scope)))
    return not_found("run {} asks no question '{}'", run.value(), id.value());
  return *std::move(found);
}

bool is_the_same(const Approval& decided, const ApprovalDecision& decision) {
  return decided.state == decision.state && decided.edited_args == decision.edited_args &&
         decided.text == decision.text;
}

Result<Approval> decide_once(Database& db, const Identity& scope, const RunId& run_id, const ApprovalId& id,
                             const ApprovalDecision& decision) {
  ISA_TRY(auto approval, find_approval(db, scope, run_id, id));
  if (approval.state != ApprovalState::pending) {
    if (is_the_same(approval, decision)) return approval;
    return conflict("the question {} was decided already: {}", id.value(), json::name_of(approval.state))
        .with_code("already_decided");
  }
  // Its time is up, whether or not somebody has marked it so: a late yes must not win against that.
  if (decision.state != ApprovalState::expired && decision.at >= approval.expires_at)
    return conflict("the question {} was decided already: its time is up, it has expired", id.value())
        .with_code("already_decided");
  ISA_TRYV(run(db,
               "UPDATE approvals SET state = ?2, edited_args = ?3, decision_text = ?4, decided_by = ?5, "
               "decided_at = ?6 WHERE id = ?1",
               id, decision.state, decision.edited_args, decision.text, decision.by, decision.at));
  return find_approval(db, scope, run_id, id);
}

Result<std::vector<Approval>> newest(Database& db, const UserId& owner, std::optional<ApprovalState> state,
                                     const Cursor& after, std::int64_t count) {
  if (state)
    return find_all(db, read_approval,
                    fmt::format("SELECT {} FROM approvals WHERE owner_id = ?1 AND state = ?2 "
                                "AND (created_at, id) < (?3, ?4) ORDER BY created_at DESC, id DESC LIMIT ?5",
                                kColumns),
                    owner, *state, after.position, after.id, count);
  return find_all(db, read_approval,
                  fmt::format("SELECT {} FROM approvals WHERE owner_id = ?1 AND (created_at, id) < (?2, ?3) "
                              "ORDER BY created_at DESC, id DESC LIMIT ?4",
                              kColumns),
                  owner, after.position, after.id, count);
}

Result<Allowance> add_allowance(Database& db, const Allowance& a) {
  ISA_TRY(auto there, find_one(db, read_allowance,
                               "SELECT id, owner_id, agent_config_id, pattern, created_at FROM allowances "
                               "WHERE owner_id = ?1 AND agent_config_id IS ?2 AND pattern = ?3",
                               a.owner_id, a.agent_config_id, a.pattern));
  if (there) return *std::move(there);
  ISA_TRY(const auto count, find_one(db, take_one<std::int64_t>,
                                     "SELECT count(*) FROM allowances WHERE owner_id = ?1", a.owner_id));
  if (count.value_or(0) >= ApprovalStore::kAllowancesMax)
    return conflict("you allow {} patterns always, the limit; remove one first",
                    ApprovalStore::kAllowancesMax);
  ISA_TRYV(run(db,
               "INSERT INTO allowances (id, owner_id, agent_config_id, pattern, created_at) "
               "VALUES (?1, ?2, ?3, ?4, ?5)",
               a.id, a.owner_id, a.agent_config_id, a.pattern, a.created_at));
  return a;
}

class Approvals final : public ApprovalStore {
 public:
  explicit Approvals(Engine& engine) : engine_(engine) {}

  Task<Result<Approval>> find(Identity scope, RunId run, ApprovalId id) override {
    return engine_.read<Approval>([scope = std::move(scope), run = std::move(run), id = std::move(id)](
                                      Database& db) { return find_approval(db, scope, run, id); });
  }

  Task<Result<Page<Approval>>> list(Identity scope, std::optional<ApprovalState> state, std::string cursor,
                                    std::size_t limit) override {
    return engine_.read<Page<Approval>>([scope = std::move(scope), state, cursor = std::move(cursor),
                                         limit](Database& db) -> Result<Page<Approval>> {
      const auto size = std::clamp<std::size_t>(limit, 1, kMaxPage);
      ISA_TRY(const auto after, parse_cursor(cursor));
      Page<Approval> page;
      ISA_TRY(page.items, newest(db, scope.user, state, after, static_cast<std::int64_t>(size) + 1));
      if (page.items.size() > size) {
        page.items.resize(size);
        const auto& last = page.items.back();
        page.next_cursor = to_text({to_millis(last.created_at), last.request_id.value()});
      }
      return page;
    });
  }

  Task<Result<std::vector<Approval>>> of_run(RunId run) override {
    return engine_.read<std::vector<Approval>>([run = std::move(run)](Database& db) {
      return find_all(
          db, read_approval,
          fmt::format("SELECT {} FROM approvals WHERE run_id = ?1 ORDER BY created_at, id", kColumns), run);
    });
  }

  Task<Result<Approval>> decide(Identity scope, RunId run, ApprovalId id,
                                ApprovalDecision decision) override {
    return engine_.write<Approval>(
        [scope = std::move(scope), run = std::move(run), id = std::move(id),
         decision = std::move(decision)](Database& db) { return decide_once(db, scope, run, id, decision); });
  }

  Task<Result<Allowance>> allow(Allowance allowance) override {
    return engine_.write<Allowance>(
        [allowance = std::move(allowance)](Database& db) { return add_allowance(db, allowance); });
  }

  Task<Result<std::vector<Allowance>>> allowances(Identity scope) override {
    return engine_.read<std::vector<Allowance>>([scope = std::move(scope)](Database& db) {
      return find_all(db, read_allowance,
                      "SELECT id, owner_id, agent_config_id, pattern, created_at FROM allowances "
                      "WHERE owner_id = ?1 ORDER BY created_at, id",
                      scope.user);
    });
  }

  Task<Result<void>> disallow(Identity scope, AllowanceId id) override {
    return engine_.write<void>([scope = std::move(scope), id = std::move(id)](Database& db) -> Result<void> {
      ISA_TRY(const auto removed,
              change(db, "DELETE FROM allowances WHERE id = ?1 AND owner_id = ?2", id, scope.user));
      if (removed == 0) return not_found("there is no rule '{}'", id.value());
      return ok();
    });
  }

 private:
  Engine& engine_;
};

}  // namespace

Result<void> insert_approval(Database& db, const Approval& approval) {
  const auto document = json::write(approval);
  return run(db,
             "INSERT INTO approvals (id, run_id, owner_id, state, created_at, document) "
             "VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING",
             approval.request_id, approval.run_id, approval.owner_id, approval.state, approval.created_at,
             document.get_object());
}

std::unique_ptr<ApprovalStore> make_approval_store(Engine& engine) {
  return std::make_unique<Approvals>(engine);
}

}  // namespace isa::store::sqlite
