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

Result<Session> read_session(const Row& row) {
  Session s;
  ISA_TRYV(take_all(row, 0, s.id, s.owner_id, s.agent_config_id, s.agent_version, s.title, s.created_at,
                    s.updated_at));
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
    return find_all(
        db, read_session,
        "SELECT id, owner_id, agent_config_id, agent_version, title, created_at, updated_at FROM sessions "
        "WHERE (updated_at, id) < (?1, ?2) ORDER BY updated_at DESC, id DESC LIMIT ?3",
        after.updated_at, after.id, count);
  return find_all(
      db, read_session,
      "SELECT id, owner_id, agent_config_id, agent_version, title, created_at, updated_at FROM sessions "
      "WHERE owner_id = ?1 AND (updated_at, id) < (?2, ?3) ORDER BY updated_at DESC, id DESC LIMIT ?4",
      scope.user, after.updated_at, after.id, count);
}

class Sessions final : public SessionStore {
 public:
  explicit Sessions(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(Session session) override {
    return engine_.write<void>([s = std::move(session)](Database& db) -> Result<void> {
      ISA_TRY(
          const auto added,
          change(db,
                 "INSERT INTO sessions (id, owner_id, agent_config_id, agent_version, title, created_at, "
                 "updated_at) SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 "
                 "WHERE NOT EXISTS (SELECT 1 FROM deleted_sessions WHERE id = ?1) ON CONFLICT DO NOTHING",
                 s.id, s.owner_id, s.agent_config_id, s.agent_version, s.title, s.created_at, s.updated_at));
      if (added == 0) return conflict("the session id {} is taken", s.id.value());
      return ok();
    });
  }

  Task<Result<Session>> find(Identity scope, SessionId id) override {
    return engine_.read<Session>(
        [scope = std::move(scope), id = std::move(id)](Database& db) -> Result<Session> {
          ISA_TRYV(require_session(db, scope, id));
          ISA_TRY(auto session,
                  find_one(db, read_session,
                           "SELECT id, owner_id, agent_config_id, agent_version, title, created_at, "
                           "updated_at FROM sessions WHERE id = ?1",
                           id));
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

  Task<Result<void>> remove(Identity scope, SessionId id, Timestamp at) override {
    return engine_.write<void>(
        [scope = std::move(scope), id = std::move(id), at](Database& db) -> Result<void> {
          ISA_TRYV(require_session(db, scope, id));
          ISA_TRYV(run(db, "DELETE FROM sessions WHERE id = ?1", id));  // The rest goes by foreign keys.
          return run(db, "INSERT INTO deleted_sessions (id, deleted_at) VALUES (?1, ?2)", id, at);
        });
  }

  Task<Result<std::int64_t>> purge(Timestamp before) override {
    return engine_.write<std::int64_t>([before](Database& db) {
      return change(db, "DELETE FROM deleted_sessions WHERE deleted_at < ?1", before);
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

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<SessionStore> make_session_store(Engine& engine) {
  return std::make_unique<Sessions>(engine);
}

}  // namespace isa::store::sqlite
