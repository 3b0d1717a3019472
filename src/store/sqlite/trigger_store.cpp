#include "store/cursor.h"
#include "store/scope.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/stores.h"
#include "store/trigger.h"

#include <algorithm>

namespace isa::store::sqlite {
namespace {

#define ISA_SELECT_TRIGGER "SELECT document, next_due_at, memo, sealed_secret FROM triggers "
#define ISA_SELECT_FIRING                                                                                  \
  "SELECT id, trigger_id, cause, state, due_at, payload, run_id, session_id, error, created_at, ended_at " \
  "FROM firings "

constexpr std::size_t kMaxPage = 1000;

struct StoredTrigger {
  Trigger trigger;
  json::object memo;
  std::string sealed_secret;
};

Result<StoredTrigger> read_stored(const Row& row) {
  StoredTrigger found;
  ISA_TRY(const auto document, parse_document(row.bytes(0)));
  ISA_TRY(found.trigger, json::read<Trigger>(document));
  Blob sealed;
  ISA_TRYV(take_all(row, 1, found.trigger.next_due_at, found.memo, sealed));
  found.sealed_secret = std::move(sealed.bytes);
  return found;
}

Result<Trigger> read_trigger(const Row& row) {
  ISA_TRY(auto found, read_stored(row));
  return std::move(found.trigger);
}

Result<Firing> read_firing(const Row& row) {
  Firing f;
  ISA_TRYV(take_all(row, 0, f.id, f.trigger_id, f.cause, f.state, f.due_at, f.payload, f.run_id, f.session_id,
                    f.error, f.created_at, f.ended_at));
  return f;
}

Error no_such(const TriggerId& id) {
  return not_found("trigger '{}' does not exist", id.value());
}
Error no_such(const FiringId& id) {
  return not_found("firing '{}' does not exist", id.value());
}

bool has_ended(FiringState state) {
  return state != FiringState::pending && state != FiringState::started;
}

Result<StoredTrigger> require(Database& db, const TriggerId& id) {
  ISA_TRY(auto found, find_one(db, read_stored, ISA_SELECT_TRIGGER "WHERE id = ?1", id));
  if (!found) return no_such(id);
  return *std::move(found);
}

Result<Trigger> require(Database& db, const Identity& scope, const TriggerId& id) {
  ISA_TRY(auto found, require(db, id));
  if (found.trigger.owner_id != scope.user && !is_platform(scope)) return no_such(id);
  return std::move(found.trigger);
}

Result<void> update(Database& db, const StoredTrigger& before, TriggerStep step) {
  auto& next = step.trigger;
  next.id = before.trigger.id;
  next.owner_id = before.trigger.owner_id;
  next.created_at = before.trigger.created_at;
  if (!next.enabled) next.next_due_at.reset();
  return run(db,
             "UPDATE triggers SET type = ?2, enabled = ?3, next_due_at = ?4, document = ?5, memo = ?6 WHERE "
             "id = ?1",
             next.id, next.type, std::int64_t{next.enabled}, next.next_due_at,
             json::serialize(json::write(next)), step.memo);
}

Result<void> insert(Database& db, const Firing& f, const std::optional<std::string>& once) {
  ISA_TRY(const auto added,
          change(db,
                 "INSERT INTO firings (id, trigger_id, once, cause, state, due_at, payload, run_id, "
                 "session_id, error, created_at, ended_at) "
                 "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT DO NOTHING",
                 f.id, f.trigger_id, once, f.cause, f.state, f.due_at, f.payload, f.run_id, f.session_id,
                 f.error, f.created_at, f.ended_at));
  if (added == 0) return conflict("trigger '{}' has fired for this already", f.trigger_id.value());
  return run(db,
             "DELETE FROM firings WHERE trigger_id = ?1 AND created_at < ?2 AND ended_at IS NOT NULL AND "
             "number NOT IN (SELECT number FROM firings WHERE trigger_id = ?1 ORDER BY number DESC LIMIT ?3)",
             f.trigger_id, Timestamp(f.created_at - TriggerStore::kOnceKept),
             static_cast<std::int64_t>(TriggerStore::kFiringsKept));
}

Result<std::int64_t> count(Database& db, std::string_view sql, const auto& of) {
  ISA_TRY(const auto found, find_one(db, take_one<std::int64_t>, sql, of));
  return found.value_or(0);
}

Result<std::optional<TriggerStep>> decided(Database& db, const StoredTrigger& found,
                                           const TriggerDecision& decide) {
  ISA_TRY(
      const auto open,
      count(db, "SELECT count(*) FROM firings WHERE trigger_id = ?1 AND ended_at IS NULL", found.trigger.id));
  return decide(found.trigger, found.memo, open);
}

Result<std::optional<Firing>> make_step(Database& db, const TriggerId& id, const TriggerDecision& decide) {
  ISA_TRY(const auto found, require(db, id));
  ISA_TRY(auto step, decided(db, found, decide));
  if (!step) return std::nullopt;
  auto firing = std::move(step->firing);
  if (firing) {
    firing->trigger_id = id;
    ISA_TRYV(insert(db, *firing, step->once));
  }
  ISA_TRYV(update(db, found, *std::move(step)));
  return firing;
}

Result<void> end(Database& db, const FiringId& id, FiringState state, const std::optional<std::string>& error,
                 Timestamp at, const TriggerDecision& decide) {
  ISA_TRY(const auto firing, find_one(db, read_firing, ISA_SELECT_FIRING "WHERE id = ?1", id));
  if (!firing) return no_such(id);
  if (has_ended(firing->state)) return ok();
  ISA_TRYV(run(db, "UPDATE firings SET state = ?2, error = ?3, ended_at = ?4 WHERE id = ?1", id, state, error,
               at));
  ISA_TRY(const auto found, require(db, firing->trigger_id));
  ISA_TRY(auto step, decided(db, found, decide));
  return step ? update(db, found, *std::move(step)) : ok();
}

class Triggers final : public TriggerStore {
 public:
  explicit Triggers(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(Trigger t, std::string sealed_secret, std::int64_t limit) override {
    return engine_.write<void>([t = std::move(t), sealed = Blob{std::move(sealed_secret)},
                                limit](Database& db) -> Result<void> {
      ISA_TRY(const auto there, count(db, "SELECT count(*) FROM triggers WHERE owner_id = ?1", t.owner_id));
      if (there >= limit)
        return make_error(ErrorKind::quota_exceeded,
                          "you have {} triggers, the most that one user may have; delete one first", there);
      const auto due = t.enabled ? t.next_due_at : std::nullopt;
      ISA_TRY(const auto added,
              change(db,
                     "INSERT INTO triggers (id, owner_id, type, enabled, next_due_at, created_at, "
                     "document, memo, sealed_secret) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, '{}', ?8) "
                     "ON CONFLICT DO NOTHING",
                     t.id, t.owner_id, t.type, std::int64_t{t.enabled}, due, t.created_at,
                     json::serialize(json::write(t)), sealed));
      if (added == 0) return conflict("the trigger id {} is taken", t.id.value());
      return ok();
    });
  }

  Task<Result<Trigger>> find(Identity scope, TriggerId id) override {
    return engine_.read<Trigger>(
        [scope = std::move(scope), id = std::move(id)](Database& db) { return require(db, scope, id); });
  }

  Task<Result<std::vector<Trigger>>> list(Identity scope) override {
    return engine_.read<std::vector<Trigger>>([scope = std::move(scope)](Database& db) {
      if (is_platform(scope)) return find_all(db, read_trigger, ISA_SELECT_TRIGGER "ORDER BY created_at, id");
      return find_all(db, read_trigger, ISA_SELECT_TRIGGER "WHERE owner_id = ?1 ORDER BY created_at, id",
                      scope.user);
    });
  }

  Task<Result<void>> remove(Identity scope, TriggerId id) override {
    return engine_.write<void>([scope = std::move(scope), id = std::move(id)](Database& db) -> Result<void> {
      ISA_TRYV(require(db, scope, id));
      return run(db, "DELETE FROM triggers WHERE id = ?1", id);  // Firings go by their foreign key.
    });
  }

  Task<Result<std::pair<Trigger, std::string>>> webhook(TriggerId id) override {
    return engine_.read<std::pair<Trigger, std::string>>(
        [id = std::move(id)](Database& db) -> Result<std::pair<Trigger, std::string>> {
          ISA_TRY(auto found, require(db, id));
          if (found.trigger.type != TriggerType::webhook) return no_such(id);
          return std::pair(std::move(found.trigger), std::move(found.sealed_secret));
        });
  }

  Task<Result<std::optional<Firing>>> step(TriggerId id, TriggerDecision decide) override {
    return engine_.write<std::optional<Firing>>(
        [id = std::move(id), decide = std::move(decide)](Database& db) { return make_step(db, id, decide); });
  }

  Task<Result<std::vector<Trigger>>> listening(UserId owner) override {
    return engine_.read<std::vector<Trigger>>([owner = std::move(owner)](Database& db) {
      return find_all(db, read_trigger,
                      ISA_SELECT_TRIGGER
                      "WHERE owner_id = ?1 AND enabled = 1 AND type IN ('pattern', 'threshold') "
                      "ORDER BY created_at, id",
                      owner);
    });
  }

  Task<Result<std::vector<Trigger>>> due(Timestamp at, std::size_t limit) override {
    return engine_.read<std::vector<Trigger>>([at, limit](Database& db) {
      return find_all(db, read_trigger,
                      ISA_SELECT_TRIGGER "WHERE next_due_at <= ?1 ORDER BY next_due_at, id LIMIT ?2", at,
                      static_cast<std::int64_t>(limit));
    });
  }

  Task<Result<std::optional<Timestamp>>> next_due() override {
    return engine_.read<std::optional<Timestamp>>([](Database& db) {
      return find_one(db, take_one<Timestamp>,
                      "SELECT next_due_at FROM triggers WHERE next_due_at IS NOT NULL ORDER BY next_due_at "
                      "LIMIT 1");
    });
  }

  Task<Result<Page<Firing>>> firings(Identity scope, TriggerId id, std::string cursor,
                                     std::size_t limit) override {
    return engine_.read<Page<Firing>>([scope = std::move(scope), id = std::move(id),
                                       cursor = std::move(cursor),
                                       limit](Database& db) -> Result<Page<Firing>> {
      ISA_TRYV(require(db, scope, id));
      ISA_TRY(const auto after, parse_cursor(cursor));
      const auto size = std::clamp<std::size_t>(limit, 1, kMaxPage);
      Page<Firing> page;
      ISA_TRY(page.items, find_all(db, read_firing,
                                   ISA_SELECT_FIRING "WHERE trigger_id = ?1 AND (created_at, id) < (?2, ?3) "
                                                     "ORDER BY created_at DESC, id DESC LIMIT ?4",
                                   id, after.position, after.id, static_cast<std::int64_t>(size) + 1));
      if (page.items.size() > size) {
        page.items.resize(size);
        page.next_cursor = to_text({to_millis(page.items.back().created_at), page.items.back().id.value()});
      }
      return page;
    });
  }

  Task<Result<Firing>> find_firing(Identity scope, FiringId id) override {
    return engine_.read<Firing>(
        [scope = std::move(scope), id = std::move(id)](Database& db) -> Result<Firing> {
          ISA_TRY(auto found, find_one(db, read_firing, ISA_SELECT_FIRING "WHERE id = ?1", id));
          if (!found || !require(db, scope, found->trigger_id)) return no_such(id);
          return *std::move(found);
        });
  }

  Task<Result<std::vector<Firing>>> open_firings() override {
    return engine_.read<std::vector<Firing>>([](Database& db) {
      return find_all(db, read_firing, ISA_SELECT_FIRING "WHERE ended_at IS NULL ORDER BY number");
    });
  }

  Task<Result<void>> mark_started(FiringId id) override {
    return engine_.write<void>([id = std::move(id)](Database& db) {
      return run(db, "UPDATE firings SET state = 'started' WHERE id = ?1 AND state = 'pending'", id);
    });
  }

  Task<Result<void>> end_firing(FiringId id, FiringState state, std::optional<std::string> error,
                                Timestamp at, TriggerDecision decide) override {
    return engine_.write<void>([id = std::move(id), state, error = std::move(error), at,
                                decide = std::move(decide)](Database& db) -> Result<void> {
      if (!has_ended(state)) return internal_error("firing {} was ended without an end", id.value());
      return end(db, id, state, error, at, decide);
    });
  }

 private:
  Engine& engine_;
};

#undef ISA_SELECT_TRIGGER
#undef ISA_SELECT_FIRING

}  // namespace

std::unique_ptr<TriggerStore> make_trigger_store(Engine& engine) {
  return std::make_unique<Triggers>(engine);
}

}  // namespace isa::store::sqlite
