// Runs: one turn of a session each. The live events of a run are in the EventLog; when it ends, they move
// here.
#pragma once

#include "base/identity.h"
#include "base/json.h"
#include "store/approval.h"
#include "store/event_log.h"
#include "store/session.h"

namespace isa::store {

// waiting: for a person's decision. Nothing of it need be in memory, and it survives a restart.
enum class RunState { queued, running, waiting, succeeded, failed, cancelled };
BOOST_DESCRIBE_ENUM(RunState, queued, running, waiting, succeeded, failed, cancelled)

struct Run {
  RunId id;
  SessionId session_id;
  UserId owner_id;
  std::optional<AgentId> agent_config_id;
  std::optional<std::int64_t> agent_version;
  std::optional<TeamId> team_id;  // Of a team that is kept, and the version of it that ran.
  std::optional<std::int64_t> team_version;
  RunState state = RunState::queued;
  std::string message;                    // What the user said.
  std::optional<std::string> response;    // The whole answer, when it succeeded.
  std::optional<std::string> error_code;  // As in the terminal event.
  std::optional<json::object> usage;
  Timestamp created_at;
  std::optional<Timestamp> started_at;
  std::optional<Timestamp> ended_at;
};
BOOST_DESCRIBE_STRUCT(Run, (),
                      (id, session_id, owner_id, agent_config_id, agent_version, team_id, team_version, state,
                       message, response, error_code, usage, created_at, started_at, ended_at))

// What any process needs to begin a run that waits in its session's queue.
struct QueueEntry {
  json::object order;              // Only the caller understands it.
  std::int64_t place = 0;          // In its session: smaller comes first.
  std::optional<RunId> speaks_to;  // The run that shall hear its message; then it need not run itself.
};

class RunStore {
 public:
  virtual ~RunStore() = default;
  // `entry` of a run that is queued: kept until it begins or ends.
  virtual Task<Result<void>> create(Run run, std::optional<QueueEntry> entry = std::nullopt) = 0;
  virtual Task<Result<Run>> find(Identity scope, RunId id) = 0;
  virtual Task<Result<std::vector<Run>>> list(Identity scope, SessionId session) = 0;  // Oldest first.
  // From here on it has begun, and is never begun again. conflict unless it is queued.
  virtual Task<Result<void>> mark_running(RunId id, Timestamp at) = 0;
  // Of a run that is queued; conflict otherwise.
  virtual Task<Result<void>> edit_message(RunId id, std::string message) = 0;
  // Nothing for a run that does not wait in a queue, or was stored by a version that kept none.
  virtual Task<Result<std::optional<QueueEntry>>> queue_entry(RunId id) = 0;
  // Places of runs that wait; one that does not (any more) is passed over.
  virtual Task<Result<void>> put_in_place(std::vector<std::pair<RunId, std::int64_t>> places) = 0;
  // Of a run that is queued; conflict otherwise. Nothing: it speaks to nobody any more.
  virtual Task<Result<void>> speak_to(RunId id, std::optional<RunId> hearer) = 0;
  // The run waits: its state, the questions, and all that is needed to go on (`continuation`, which only the
  // caller understands) in one transaction. conflict unless it is running.
  virtual Task<Result<void>> suspend(RunId id, json::object continuation,
                                     std::vector<Approval> questions) = 0;
  // It goes on: whatever is done from here on was begun once. conflict unless it is waiting.
  virtual Task<Result<void>> resume(RunId id) = 0;
  // How far a run is that goes on: what continuation() answers from now on. conflict unless it is running.
  virtual Task<Result<void>> checkpoint(RunId id, json::object continuation) = 0;
  // The last that suspend() or checkpoint() was given.
  virtual Task<Result<std::optional<json::object>>> continuation(RunId id) = 0;
  // The end of a run in one transaction: its row, all its events, and what the turn added to the session's
  // history; questions that nobody answered are cancelled. Idempotent: a run that has ended already keeps its
  // first end.
  virtual Task<Result<void>> finish(Run run, std::vector<LoggedEvent> events,
                                    std::vector<SessionMessage> new_messages) = 0;
  // Events with seq > after of an ended run, in order. Not scoped: find() comes first.
  virtual Task<Result<std::vector<LoggedEvent>>> events(RunId id, std::int64_t after) = 0;
  // Runs that have not ended: those that have begun, oldest first, then the queued ones by their places.
  virtual Task<Result<std::vector<Run>>> unfinished() = 0;
};

}  // namespace isa::store
