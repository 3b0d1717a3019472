#pragma once

#include "agent/turn_executor.h"
#include "base/signal.h"
#include "net/sse.h"
#include "pool/client.h"

#include <chrono>
#include <map>

namespace isa::agent {

// env cloud_pool and deployment: the turn runs in the session's sandbox, which the pool manager leases to it.
// The lease outlives the turn, so that the next one finds its files; the pool ends it after some idleness.
class PooledExecutor : public TurnExecutor {
 public:
  PooledExecutor(pool::PoolClient& pool, const SkillLibrary& skills, std::string pool_type,
                 std::chrono::milliseconds acquire_timeout)
      : pool_(pool), skills_(skills), pool_type_(std::move(pool_type)), acquire_timeout_(acquire_timeout) {}

  Task<Result<void>> run(Turn turn, sdk::EventSink sink, TurnRecord& record) override;
  Task<Result<void>> steer(SessionId session, RunId run, std::string message) override;
  // Releases the session's sandbox, if this process leased one for it.
  Task<void> forget(SessionId session) override;

 private:
  struct Held {
    InstanceId instance;
    std::int64_t fencing_token = 0;
    Timestamp expires_at;
  };
  static Held held_of(const pool::Acquired& lease) {
    return {lease.instance_id, lease.lease.fencing_token, lease.lease.expires_at};
  }
  // The turns of one run that are under way in one sandbox: the members of a team share it.
  struct Window {
    cloud_os::VmAllowance allowance;
    std::size_t turns = 0;
    sdk::Usage agents;         // What those that are over said that they used.
    bool is_split = true;      // All of them said it.
    bool has_sandbox = false;  // There is something to settle.
  };
  Task<void> enter(const Turn& turn, const TurnRecord& record);
  Task<void> leave_uncut(const Turn& turn, std::optional<sdk::Usage> earlier, TurnRecord& record);
  Task<void> leave(const Turn& turn, std::optional<sdk::Usage> earlier, TurnRecord& record);
  Task<std::optional<cloud_os::VmModelUse>> settle(SessionId session, RunId run);
  // `held`: the lease that it used last, as soon as it has one.
  Task<Result<void>> converse(const Turn& turn, const sdk::EventSink& sink, TurnRecord& record,
                              std::optional<Held>& held);
  // Releases this very lease, if the session still has it.
  Task<void> let_go(SessionId session, Held at);
  Task<Result<pool::Acquired>> acquire(const Turn& turn, const sdk::EventSink& sink);
  Task<Result<net::OpenResponse>> open(const pool::Acquired& at, const Turn& turn);
  Task<Result<net::OpenResponse>> send(const pool::Acquired& at, const Turn& turn, bool with_skill_files);
  Task<Result<void>> relay(net::SseReader& events, const sdk::EventSink& sink, TurnRecord& record);
  void remember(const SessionId& session, const pool::Acquired& lease);

  pool::PoolClient& pool_;
  const SkillLibrary& skills_;
  std::string pool_type_;
  std::chrono::milliseconds acquire_timeout_;
  std::map<SessionId, Held> held_;
  std::map<SessionId, Window> windows_;
  std::map<SessionId, std::shared_ptr<Signal>> settling_;  // Until then nobody begins there.
};

}  // namespace isa::agent
