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
};
BOOST_DESCRIBE_STRUCT(Session, (),
                      (id, owner_id, agent_config_id, agent_version, title, created_at, updated_at))

// One message of the history as the model sees it (sdk/chat.h writes and reads `message`).
struct SessionMessage {
  RunId run_id;
  Timestamp created_at;
  json::object message;
};
BOOST_DESCRIBE_STRUCT(SessionMessage, (), (run_id, created_at, message))

// Sessions belong to one user alone; a foreign one is not_found.
class SessionStore {
 public:
  virtual ~SessionStore() = default;
  // conflict when the id is taken, be it by a session that was removed.
  virtual Task<Result<void>> create(Session session) = 0;
  virtual Task<Result<Session>> find(Identity scope, SessionId id) = 0;
  virtual Task<Result<Page<Session>>> list(Identity scope, std::string cursor, std::size_t limit) = 0;
  // With messages, runs and their events. Its id stays taken: whoever still sends it learns that the
  // conversation is gone, instead of beginning another without a history.
  virtual Task<Result<void>> remove(Identity scope, SessionId id, Timestamp at) = 0;
  // Frees the ids of what was removed before; returns how many.
  virtual Task<Result<std::int64_t>> purge(Timestamp before) = 0;
  // Oldest first.
  virtual Task<Result<std::vector<SessionMessage>>> messages(Identity scope, SessionId id) = 0;
};

}  // namespace isa::store
