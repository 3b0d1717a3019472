#include "store/event_codec.h"
#include "store/scope.h"
#include "store/sqlite/approvals.h"
#include "store/sqlite/engine.h"
#include "store/sqlite/sessions.h"
#include "store/sqlite/stores.h"

#include <algorithm>

namespace isa::store::sqlite {
namespace {

constexpr const char* kColumns =
    "id, session_id, owner_id, agent_config_id, agent_version, team_id, team_version, state, message, "
    "response, error_code, usage, created_at, started_at, ended_at";

Result<Run> read_run(const Row& row) {
  Run r;
  ISA_TRYV(take_all(row, 0, r.id, r.session_id, r.owner_id, r.agent_config_id, r.agent_version, r.team_id,
                    r.team_version, r.state, r.message, r.response, r.error_code, r.usage, r.created_at,
                    r.started_at, r.ended_at));
  return r;
}

Error no_such(const RunId& id) {
  return not_found("run {} does not exist", id.value());
}

bool has_ended(RunState state) {
  return state != RunState::queued && state != RunState::running && state != RunState::waiting;
}

Result<std::optional<RunState>> state_of(Database& db, const RunId& id) {
  return find_one(db, take_one<RunState>, "SELECT state FROM runs WHERE id = ?1", id);
}

Result<QueueEntry> read_entry(const Row& row) {
  QueueEntry entry;
  ISA_TRYV(take_all(row, 0, entry.order, entry.place, entry.speaks_to));
  return entry;
}

Result<void> insert_run(Database& db, const Run& r, const std::optional<QueueEntry>& entry) {
  ISA_TRY(const auto session,
          find_one(db, take_one<SessionId>, "SELECT id FROM sessions WHERE id = ?1", r.session_id));
  if (!session) return not_found("session {} does not exist", r.session_id.value());
  const auto sql = fmt::format(
      "INSERT INTO runs ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15) "
      "ON CONFLICT DO NOTHING",
      kColumns);
  ISA_TRY(const auto added, change(db, sql, r.id, r.session_id, r.owner_id, r.agent_config_id,
                                   r.agent_version, r.team_id, r.team_version, r.state, r.message, r.response,
                                   r.error_code, r.usage, r.created_at, r.started_at, r.ended_at));
  if (added == 0) return conflict("the run id {} is taken", r.id.value());
  if (!entry) return ok();
  return run(db, "INSERT INTO run_queue (run_id, place, speaks_to, document) VALUES (?1, ?2, ?3, ?4)", r.id,
             entry->place, entry->speaks_to, entry->order);
}

Result<void> add_messages(Database& db, const SessionId& session,
                          const std::vector<SessionMessage>& messages) {
  for (const auto& m : messages)
    ISA_TRYV(run(
        db, "INSERT INTO session_messages (session_id, run_id, created_at, message) VALUES (?1, ?2, ?3, ?4)",
        session, m.run_id, m.created_at, m.message));
  return ok();
}

// The session is the row's: a caller cannot move a run to another.
Result<void> end_run(Database& db, const Run& r, const Blob& events,
                     const std::vector<SessionMessage>& messages) {
  if (!has_ended(r.state)) return internal_error("run {} was finished without an end", r.id.value());
  ISA_TRY(const auto state, state_of(db, r.id));
  if (!state) return no_such(r.id);
  if (has_ended(*state)) return ok();
  ISA_TRY(const auto session,
          find_one(db, take_one<SessionId>,
                   "UPDATE runs SET state = ?2, response = ?3, error_code = ?4, usage = ?5, "
                   "started_at = coalesce(?6, started_at), ended_at = ?7 WHERE id = ?1 "
                   "RETURNING session_id",
                   r.id, r.state, r.response, r.error_code, r.usage, r.started_at, r.ended_at));
  if (!session) return no_such(r.id);
  ISA_TRYV(run(db, "DELETE FROM run_continuations WHERE run_id = ?1", r.id));
  ISA_TRYV(run(db, "DELETE FROM run_queue WHERE run_id = ?1", r.id));
  ISA_TRYV(run(
      db, "UPDATE approvals SET state = 'cancelled', decided_at = ?2 WHERE run_id = ?1 AND state = 'pending'",
      r.id, r.ended_at));
  ISA_TRYV(run(db, "INSERT INTO run_events (run_id, events) VALUES (?1, ?2)", r.id, events));
  ISA_TRYV(add_messages(db, *session, messages));
  ISA_TRYV(
      run(db, "UPDATE sessions SET updated_at = max(updated_at, ?2) WHERE id = ?1", *session, r.ended_at));
  return ok();
}

Result<void> step(Database& db, const RunId& id, RunState from, RunState to) {
  ISA_TRY(const auto state, state_of(db, id));
  if (!state) return no_such(id);
  if (*state != from)
    return conflict("run {} is {}, not {}", id.value(), json::name_of(*state), json::name_of(from));
  return run(db, "UPDATE runs SET state = ?2 WHERE id = ?1", id, to);
}

Result<void> keep_continuation(Database& db, const RunId& id, const json::object& continuation) {
  return run(db, "INSERT OR REPLACE INTO run_continuations (run_id, document) VALUES (?1, ?2)", id,
             continuation);
}

Result<void> suspend_run(Database& db, const RunId& id, const json::object& continuation,
                         const std::vector<Approval>& questions) {
  ISA_TRYV(step(db, id, RunState::running, RunState::waiting));
  ISA_TRYV(keep_continuation(db, id, continuation));
  for (const auto& question : questions) ISA_TRYV(insert_approval(db, question));
  return ok();
}

class Runs final : public RunStore {
 public:
  explicit Runs(Engine& engine) : engine_(engine) {}

  Task<Result<void>> create(Run run, std::optional<QueueEntry> entry) override {
    return engine_.write<void>([run = std::move(run), entry = std::move(entry)](Database& db) {
      return insert_run(db, run, entry);
    });
  }

  Task<Result<Run>> find(Identity scope, RunId id) override {
    return engine_.read<Run>([scope = std::move(scope), id = std::move(id)](Database& db) -> Result<Run> {
      ISA_TRY(auto run,
              find_one(db, read_run, fmt::format("SELECT {} FROM runs WHERE id = ?1", kColumns), id));
      if (!run || (run->owner_id != scope.user && !is_platform(scope))) return no_such(id);
      return *std::move(run);
    });
  }

  Task<Result<std::vector<Run>>> list(Identity scope, SessionId session) override {
    return engine_.read<std::vector<Run>>(
        [scope = std::move(scope), session = std::move(session)](Database& db) -> Result<std::vector<Run>> {
          ISA_TRYV(require_session(db, scope, session));
          return find_all(
              db, read_run,
              fmt::format("SELECT {} FROM runs WHERE session_id = ?1 ORDER BY created_at, id", kColumns),
              session);
        });
  }

  Task<Result<void>> mark_running(RunId id, Timestamp at) override {
    return engine_.write<void>([id = std::move(id), at](Database& db) -> Result<void> {
      ISA_TRY(const auto state, state_of(db, id));
      if (!state) return no_such(id);
      if (*state != RunState::queued)
        return conflict("run {} cannot start: it is {} already", id.value(), json::name_of(*state));
      ISA_TRYV(run(db, "UPDATE runs SET state = 'running', started_at = ?2 WHERE id = ?1", id, at));
      return run(db, "DELETE FROM run_queue WHERE run_id = ?1", id);
    });
  }

  Task<Result<void>> edit_message(RunId id, std::string message) override {
    return engine_.write<void>(
        [id = std::move(id), message = std::move(message)](Database& db) -> Result<void> {
          ISA_TRYV(step(db, id, RunState::queued, RunState::queued));
          return run(db, "UPDATE runs SET message = ?2 WHERE id = ?1", id, message);
        });
  }

  Task<Result<std::optional<QueueEntry>>> queue_entry(RunId id) override {
    return engine_.read<std::optional<QueueEntry>>([id = std::move(id)](Database& db) {
      return find_one(db, read_entry, "SELECT document, place, speaks_to FROM run_queue WHERE run_id = ?1",
                      id);
    });
  }

  Task<Result<void>> put_in_place(std::vector<std::pair<RunId, std::int64_t>> places) override {
    return engine_.write<void>([places = std::move(places)](Database& db) -> Result<void> {
      for (const auto& [id, place] : places)
        ISA_TRYV(run(db, "UPDATE run_queue SET place = ?2 WHERE run_id = ?1", id, place));
      return ok();
    });
  }

  Task<Result<void>> speak_to(RunId id, std::optional<RunId> hearer) override {
    return engine_.write<void>(
        [id = std::move(id), hearer = std::move(hearer)](Database& db) -> Result<void> {
          ISA_TRYV(step(db, id, RunState::queued, RunState::queued));
          return run(db, "UPDATE run_queue SET speaks_to = ?2 WHERE run_id = ?1", id, hearer);
        });
  }

  Task<Result<void>> suspend(RunId id, json::object continuation, std::vector<Approval> questions) override {
    return engine_.write<void>([id = std::move(id), continuation = std::move(continuation),
                                questions = std::move(questions)](Database& db) {
      return suspend_run(db, id, continuation, questions);
    });
  }

  Task<Result<void>> resume(RunId id) override {
    return engine_.write<void>(
        [id = std::move(id)](Database& db) { return step(db, id, RunState::waiting, RunState::running); });
  }

  Task<Result<void>> checkpoint(RunId id, json::object continuation) override {
    return engine_.write<void>(
        [id = std::move(id), continuation = std::move(continuation)](Database& db) -> Result<void> {
          ISA_TRYV(step(db, id, RunState::running, RunState::running));
          return keep_continuation(db, id, continuation);
        });
  }

  Task<Result<std::optional<json::object>>> continuation(RunId id) override {
    return engine_.read<std::optional<json::object>>([id = std::move(id)](Database& db) {
      return find_one(db, take_one<json::object>, "SELECT document FROM run_continuations WHERE run_id = ?1",
                      id);
    });
  }

  Task<Result<void>> finish(Run run, std::vector<LoggedEvent> events,
                            std::vector<SessionMessage> new_messages) override {
    if (!run.ended_at) run.ended_at = now();
    return engine_.write<void>(
        [run = std::move(run), blob = Blob{pack_events(events)},
         messages = std::move(new_messages)](Database& db) { return end_run(db, run, blob, messages); });
  }

  Task<Result<std::vector<LoggedEvent>>> events(RunId id, std::int64_t after) override {
    return engine_.read<std::vector<LoggedEvent>>(
        [id = std::move(id), after](Database& db) -> Result<std::vector<LoggedEvent>> {
          ISA_TRY(const auto blob,
                  find_one(db, take_one<Blob>, "SELECT events FROM run_events WHERE run_id = ?1", id));
          if (!blob) return std::vector<LoggedEvent>();
          return unpack_events(blob->bytes, after);
        });
  }

  Task<Result<std::vector<Run>>> unfinished() override {
    return engine_.read<std::vector<Run>>([](Database& db) {
      return find_all(db, read_run,
                      fmt::format("SELECT {} FROM runs LEFT JOIN run_queue ON run_queue.run_id = runs.id "
                                  "WHERE state IN ('queued', 'running', 'waiting') "
                                  "ORDER BY state = 'queued', coalesce(place, 0), created_at, id",
                                  kColumns));
    });
  }

 private:
  Engine& engine_;
};

}  // namespace

std::unique_ptr<RunStore> make_run_store(Engine& engine) {
  return std::make_unique<Runs>(engine);
}

}  // namespace isa::store::sqlite
