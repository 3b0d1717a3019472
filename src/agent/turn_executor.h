#pragma once

#include "agent/skills/library.h"
#include "agent/teams/team_plan.h"
#include "base/identity.h"
#include "sdk/loop.h"
#include "store/agent_config.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace isa::agent {

// What a run may use up, wherever its turns run and whatever runs beside them.
struct RunAllowance {
  sdk::Budget budget;
  std::optional<Timestamp> until = std::nullopt;
  // Used up by what does not run where this turn does: other members of a team, parts that are over.
  sdk::Usage elsewhere = {};
};

// What a run has met, as its sandbox's broker says.
struct LimitMet {
  std::string limit;
  std::string problem;
};

// One turn of an agent: everything that the place where it runs needs to know.
struct Turn {
  RunId run;
  SessionId session;
  UserId user;
  std::optional<OrgId> org;
  std::optional<AgentId> agent_id;
  store::ExecutionEnv env = store::ExecutionEnv::cloud_pool;
  sdk::AgentSpec agent;
  std::vector<sdk::Message> history;
  std::string message;
  TraceContext trace;
  std::vector<std::string> egress = {};                      // Hosts that its sandbox may reach.
  std::optional<sdk::Resumption> resumption = std::nullopt;  // Of a turn that was suspended.
  std::shared_ptr<const TeamPlan> team = nullptr;  // When the agent is a team; `agent` is no member then.
  TurnSkills skills = {};                          // Those of agent.skills, and where their files are.
  // What was said to the turn and it has not heard, for the progress of a place that goes on by itself. It
  // knows more than the turn does: what was changed or taken back since.
  std::function<std::vector<std::string>()> unheard = nullptr;
  // Of a team: how far it was when its turn was suspended or cut off, whose calls the resumption's answers
  // speak of, one by one, and what stores how far it is (may be null).
  std::optional<json::object> team_state = std::nullopt;
  std::vector<CallOrigin> origins = {};
  std::function<Task<Result<void>>(json::object team_state)> keep = nullptr;
  RunAllowance allowance = {};
};

// What is left when the turn is over. Nothing where the place could not say (a custom agent, a lost sandbox).
struct TurnRecord {
  std::optional<std::vector<sdk::Message>> new_messages;
  std::optional<sdk::Usage> usage;
  std::vector<sdk::PendingCall> pending;  // Not empty: the turn is suspended, and sent no terminal event.
  sdk::TurnProgress progress;
  std::vector<CallOrigin> origins;         // Of a team: whose the pending calls are, one by one,
  std::optional<json::object> team_state;  // and how far it is.
  // What was asked of models in the sandbox beside the agent's own calls, over all parts. `usage` has none of
  // it; where the place could not tell the two apart, it is all in `usage`.
  sdk::Usage programs;
  bool is_counted = false;  // `usage` and `programs` are the platform's own count.
  std::optional<LimitMet> met;

  sdk::Usage total() const {
    auto all = usage.value_or(sdk::Usage{});
    all += programs;
    return all;
  }
};

// A place where turns run: this process, or a sandbox.
class TurnExecutor {
 public:
  virtual ~TurnExecutor() = default;
  // Sends the events of the turn to `sink`, a result or an error at the end unless it is suspended. An Error
  // when the turn could not run or broke off without either. `record` is filled as far as it is known, also
  // when the task is cancelled, and outlives it. Cancelling the task stops the turn.
  virtual Task<Result<void>> run(Turn turn, sdk::EventSink sink, TurnRecord& record) = 0;
  // Says something to the turn of `run` that is under way. conflict with code turn_not_running when there is
  // none that still listens.
  virtual Task<Result<void>> steer(SessionId, RunId, std::string) {
    co_return conflict("this agent cannot be spoken to while it works").with_code("turn_not_running");
  }
  // The session is gone: so is whatever was held for it.
  virtual Task<void> forget(SessionId) { co_return; }
};

}  // namespace isa::agent
