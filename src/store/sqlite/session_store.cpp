#include "store/cursor.h"
#include "store/scope.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/sessions.h"
#include "store/sqlite/stores.h"

#include <algorithm>

namespace isa::store::sqlite {

Result<void> require_session(Database& db, const Identity& scope, const SessionId& id) {
  ISA_TRY(const auto owner,
          find_one(db, take_one<UserId>, "SELECT owner_id FROM sessions WHERE id = ?1", id));
  if (!owner || (*owner != scope.user && !is_platform(scope)))
    return not_found("session {} does not exist", id.value());
  return ok();
}

namespace {

constexpr std::size_t kMaxPage = 1000;
// The id of a removed session stays taken for so long: whoever still sends it learns that the conversation is
// gone, instead of beginning another without a history.
constexpr auto kIdRetention = std::chrono::days(30);

#define ISA_SELECT_SESSION                                                                            \
  "SELECT id, owner_id, agent_config_id, agent_version, title, created_at, updated_at, forked_from, " \
  "fork_point FROM sessions "

Result<Session> read_session(const Row& row) {
  Session s;
  ISA_TRYV(take_all(row, 0, s.id, s.owner_id, s.agent_config_id, s.agent_version, s.title, s.created_at,
                    s.updated_at, s.forked_from, s.fork_point));
  return s;
}

Result<SessionMessage> read_message(const Row& row) {
  SessionMessage m;
  ISA_TRYV(take_all(row, 0, m.run_id, m.created_at, m.message));
  return m;
}

Result<std::vector<Session>> newest(Database& db, const Identity& scope, const Cursor& after,
                                    std::int64_t count) {
  if (is_platform(scope))
    return find_all(db, read_session,
                    ISA_SELECT_SESSION
                    "WHERE (updated_at, id) < (?1, ?2) ORDER BY updated_at DESC, id DESC LIMIT ?3",
                    after.position, after.id, count);
  return find_all(
      db, read_session,
      ISA_SELECT_SESSION
      "WHERE owner_id = ?1 AND (updated_at, id) < (?2, ?3) ORDER BY updated_at DESC, id DESC LIMIT ?4",
      scope.user, after.position, after.id, count);
}

Result<void> insert_session(Database& db, const Session& s) {
  ISA_TRY(const auto added,
          change(db,
                 "INSERT INTO sessions (id, owner_id, agent_config_id, agent_version, title, created_at, "
                 "updated_at, forked_from, fork_point) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9 "
                 "WHERE NOT EXISTS (SELECT 1 FROM deleted_sessions WHERE id = ?1) ON CONFLICT DO NOTHING",
                 s.id, s.owner_id, s.agent_config_id, s.agent_version, s.title, s.created_at, s.updated_at,
                 s.forked_from, s.fork_point));
  if (added == 0) return conflict("the session id {} is taken", s.id.value());
  return ok();
}

Result<void> require_ended(Database& db, const SessionId& session, const RunId& id) {
  const auto has_ended = "SELECT ended_at IS NOT NULL FROM runs WHERE id = ?1 AND session_id = ?2";
  ISA_TRY(const auto ended, find_one(db, take_one<std::int64_t>, has_ended, id, session));
  if (!ended) return not_found("run {} does not exist in session {}", id.value(), session.value());
  if (*ended == 0)
    return conflict("run {} has not ended; wait for it, cancel it, or name an earlier one", id.value());
  return ok();
}

// The history before the run `through`. Messages of a forked session come first, and belong to runs of
// another.
constexpr std::string_view kCopyBefore =
    "INSERT INTO session_messages (session_id, run_id, created_at, message) "
    "SELECT ?2, run_id, created_at, message FROM session_messages WHERE session_id = ?1 AND number < "
    "coalesce((SELECT min(m.number) FROM session_messages m JOIN runs r ON r.id = m.run_id, runs t "
    "WHERE m.session_id = ?1 AND r.session_id = ?1 AND t.id = ?3 "
    "AND (r.created_at, r.id) >= (t.created_at, t.id)), 9223372036854775807) ORDER BY number";
constexpr std::string_view kCopyRun =
    "INSERT INTO session_messages (session_id, run_id, created_at, message) "
    "SELECT ?2, run_id, created_at, message FROM session_messages WHERE session_id = ?1 AND run_id = ?3 "
    "ORDER BY number";
constexpr std::string_view kCopyAll =
    "INSERT INTO session_messages (session_id, run_id, created_at, message) "
    "SELECT ?2, run_id, created_at, message FROM session_messages WHERE session_id = ?1 ORDER BY number";

Result<void> copy_history(Database& db, const SessionFork& fork) {
  const auto& from = *fork.session.forked_from;
  const auto& to = fork.session.id;
  if (!fork.through) return run(db, kCopyAll, from, to);
  ISA_TRYV(require_ended(db, from, *fork.through));
  ISA_TRYV(run(db, kCopyBefore, from, to, *fork.through));
  if (!fork.of_last_run) return run(db, kCopyRun, from, to, *fork.through);
  for (const auto& m : *fork.of_last_run)
    ISA_TRYV(run(
        db, "INSERT INTO session_messages (session_id, run_id, created_at, message) VALUES (?1, ?2, ?3, ?4)",
        to, m.run_id, m.created_at, m.message));
  return ok();
}

class Sessions final : public SessionStore {
 public:
  explicit Sessions(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(Session session) override {
    return engine_.write<void>([s = std::move(session)](Database& db) { return insert_session(db, s); });
  }

  Task<Result<Session>> find(Identity scope, SessionId id) override {
    return engine_.read<Session>(
        [scope = std::move(scope), id = std::move(id)](Database& db) -> Result<Session> {
          ISA_TRYV(require_session(db, scope, id));
          ISA_TRY(auto session, find_one(db, read_session, ISA_SELECT_SESSION "WHERE id = ?1", id));
          return *std::move(session);  // Same snapshot: still there.
        });
  }

  Task<Result<Page<Session>>> list(Identity scope, std::string cursor, std::size_t limit) override {
    return engine_.read<Page<Session>>([scope = std::move(scope), cursor = std::move(cursor),
                                        limit](Database& db) -> Result<Page<Session>> {
      const auto size = std::clamp<std::size_t>(limit, 1, kMaxPage);
      ISA_TRY(const auto after, parse_cursor(cursor));
      Page<Session> page;
      ISA_TRY(page.items, newest(db, scope, after, static_cast<std::int64_t>(size) + 1));
      if (page.items.size() > size) {
        page.items.resize(size);
        page.next_cursor = to_text({to_millis(page.items.back().updated_at), page.items.back().id.value()});
      }
      return page;
    });
  }

  Task<Result<void>> remove(Identity scope, SessionId id) override {
    return engine_.write<void>([scope = std::move(scope), id = std::move(id)](Database& db) -> Result<void> {
      ISA_TRYV(require_session(db, scope, id));
      ISA_TRYV(run(db, "DELETE FROM sessions WHERE id = ?1", id));  // The rest goes by foreign keys.
      const auto at = now();
      ISA_TRYV(run(db, "DELETE FROM deleted_sessions WHERE deleted_at < ?1", Timestamp(at - kIdRetention)));
      return run(db, "INSERT INTO deleted_sessions (id, deleted_at) VALUES (?1, ?2)", id, at);
    });
  }

  Task<Result<std::vector<SessionMessage>>> messages(Identity scope, SessionId id) override {
    return engine_.read<std::vector<SessionMessage>>(
        [scope = std::move(scope), id = std::move(id)](Database& db) -> Result<std::vector<SessionMessage>> {
          ISA_TRYV(require_session(db, scope, id));
          return find_all(db, read_message,
                          "SELECT run_id, created_at, message FROM session_messages WHERE session_id = ?1 "
                          "ORDER BY number",
                          id);
        });
  }

  Task<Result<void>> fork(Identity scope, SessionFork fork) override {
    return engine_.write<void>(
        [scope = std::move(scope), fork = std::move(fork)](Database& db) -> Result<void> {
          if (!fork.session.forked_from) return internal_error("a fork of no session");
          ISA_TRYV(require_session(db, scope, *fork.session.forked_from));
          ISA_TRYV(insert_session(db, fork.session));
          return copy_history(db, fork);
        });
  }

 private:
  Engine& engine_;
};

#undef ISA_SELECT_SESSION

}  // namespace

std::unique_ptr<SessionStore> make_session_store(Engine& engine) {
  return std::make_unique<Sessions>(engine);
}

}  // namespace isa::store::sqlite
