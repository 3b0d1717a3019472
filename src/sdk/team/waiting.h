// A member's turn that waits for people: all that is needed to go on with it, in whatever process and
// sandbox.
#pragma once

#include "sdk/suspension.h"

namespace isa::sdk::team {

struct WaitingTurn {
  std::vector<Message> new_messages;  // TurnOutcome::new_messages of the suspended turn.
  std::vector<PendingCall>
      pending;  // Some of them ask somebody, the others are run in their order with these.
  TurnProgress progress;
  std::vector<CallAnswer> answers =
      {};  // To all that ask somebody, once they are decided. Never written down.

  bool is_decided() const { return !answers.empty(); }
};

json::value to_json(const WaitingTurn& turn);
Result<WaitingTurn> waiting_turn_from_json(const json::value& from);

}  // namespace isa::sdk::team
