#pragma once

#include "agent/teams/team_plan.h"
#include "agent/turn_executor.h"
#include "sdk/team/member.h"

#include <list>
#include <map>

namespace isa::agent {

// The session under which the pool knows the sandbox of one member. No client can choose it: it holds a '/'.
Result<SessionId> own_session(const SessionId& session, std::string_view member);

// Runs the members of one team's turn in the places of ordinary agents. Tools of the team suspend a member's
// turn; it goes on from there with the team's answers, until one of them ends it. A turn that asks people is
// handed back as waiting; what it called besides is done when it goes on.
class MemberTurns : public sdk::team::MemberRunner {
 public:
  // `record.usage` grows with every turn. All outlive this object.
  MemberTurns(const std::map<store::ExecutionEnv, TurnExecutor*>& places, const Turn& team_turn,
              TurnRecord& record)
      : places_(places), team_turn_(team_turn), record_(record) {}

  Task<Result<sdk::team::MemberAnswer>> run(std::string member, sdk::team::MemberTurn turn,
                                            sdk::EventSink sink) override;
  // Says something to the member whose turn is under way. conflict with code turn_not_running when there is
  // none.
  Task<Result<void>> steer(std::string message);

 private:
  struct Active {
    TurnExecutor* place;
    SessionId session;
  };
  class Entry;
  Result<Turn> place(const std::string& member, sdk::team::MemberTurn& turn) const;
  // The warnings that the team's budget gives for it.
  std::vector<sdk::Event> count(const sdk::Usage& usage, const TurnRecord& part);

  const std::map<store::ExecutionEnv, TurnExecutor*>& places_;
  const Turn& team_turn_;
  TurnRecord& record_;
  std::list<Active> active_;
};

}  // namespace isa::agent
