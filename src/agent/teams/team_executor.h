#pragma once

#include "agent/teams/team_plan.h"
#include "agent/turn_executor.h"

#include <map>
#include <set>

namespace isa::agent {

class MemberTurns;

// Runs a team as the one turn of a run: its members' turns run in the places of ordinary agents, in the
// sandbox of the session or, where a member says so, in one of its own.
//
// Events: those of sdk/team/dag.h and swarm.h; session_start, session_end and the terminal events of members
// are theirs alone. The one result has the answer of the team, with sdk::team::details_of() as metadata. The
// session's history gets the user's message, what the team heard of the user meanwhile, and that answer.
//
// When nothing can run any more but what waits for people, the turn is suspended: record.pending has the
// calls of all members that somebody must decide on, record.origins says whose they are, and
// record.team_state all that is needed to go on. While tasks run, turn.keep is given the same whenever one
// begins or ends; a turn with a team_state and no resumption was cut off there.
class TeamExecutor : public TurnExecutor {
 public:
  explicit TeamExecutor(std::map<store::ExecutionEnv, TurnExecutor*> places) : places_(std::move(places)) {}

  // turn.team must be set.
  Task<Result<void>> run(Turn turn, sdk::EventSink sink, TurnRecord& record) override;
  // Gives back the sandboxes of members; the session's own is that of the places.
  Task<void> forget(SessionId session) override;
  // To the agent that works on it.
  Task<Result<void>> steer(SessionId session, RunId run, std::string message) override;

 private:
  class Live;
  // Sandboxes of members that are remembered; beyond that the oldest are left to the end of their leases.
  static constexpr std::size_t kOwnMax = 4096;
  void remember(const SessionId& session, const TeamPlan& plan);

  std::map<store::ExecutionEnv, TurnExecutor*> places_;
  std::map<SessionId, std::set<SessionId>> own_;
  std::map<RunId, MemberTurns*> live_;
};

}  // namespace isa::agent
