// Conversations and their messages.
#pragma once

#include "base/identity.h"
#include "base/json.h"
#include "store/page.h"

namespace isa::store {

// A conversation with one agent, pinned to the config version that it began with. An ad-hoc session has no
// agent.
struct Session {
  SessionId id;
  UserId owner_id;
  std::optional<AgentId> agent_config_id;
  std::optional<std::int64_t> agent_version;
  std::string title;
  Timestamp created_at;
  Timestamp updated_at;
  std::optional<SessionId> forked_from;   // The session that its history began in,
  std::optional<std::string> fork_point;  // and the last event ("<run>:<seq>") or run of it that counts.
};
BOOST_DESCRIBE_STRUCT(Session, (),
                      (id, owner_id, agent_config_id, agent_version, title, created_at, updated_at,
                       forked_from, fork_point))

// One message of the history as the model sees it (sdk/chat.h writes and reads `message`).
struct SessionMessage {
  RunId run_id;
  Timestamp created_at;
  json::object message;
};
BOOST_DESCRIBE_STRUCT(SessionMessage, (), (run_id, created_at, message))

// A new session that begins with the history of another.
struct SessionFork {
  Session session;  // The new one; forked_from names the other.
  // Where the history ends: with this run of it, which must have ended. Without: with the last run that has.
  std::optional<RunId> through;
  // What that run is to have added to the history, where it is not all that it did.
  std::optional<std::vector<SessionMessage>> of_last_run;
};

// Sessions belong to one user alone; a foreign one is not_found.
class SessionStore {
 public:
  virtual ~SessionStore() = default;
  virtual Task<Result<void>> create(Session session) = 0;  // conflict when the id is taken.
  virtual Task<Result<Session>> find(Identity scope, SessionId id) = 0;
  virtual Task<Result<Page<Session>>> list(Identity scope, std::string cursor, std::size_t limit) = 0;
  virtual Task<Result<void>> remove(Identity scope,
                                    SessionId id) = 0;  // With messages, runs and their events.
  // Oldest first.
  virtual Task<Result<std::vector<SessionMessage>>> messages(Identity scope, SessionId id) = 0;
  // The new session and its history in one transaction; the other stays as it is. not_found for a foreign
  // session and a run that is not of it; conflict when the id is taken or the run has not ended.
  virtual Task<Result<void>> fork(Identity scope, SessionFork fork) = 0;
};

}  // namespace isa::store
