#include "sdk/team/waiting.h"

namespace isa::sdk::team {
namespace {

struct Document {
  json::array new_messages;
  std::vector<PendingCall> pending;
  TurnProgress progress;
};
BOOST_DESCRIBE_STRUCT(Document, (), (new_messages, pending, progress))

}  // namespace

json::value to_json(const WaitingTurn& turn) {
  return json::write(Document{sdk::to_json(turn.new_messages), turn.pending, turn.progress});
}

Result<WaitingTurn> waiting_turn_from_json(const json::value& from) {
  ISA_TRY(auto document, json::read<Document>(from));
  WaitingTurn turn;
  ISA_TRY(turn.new_messages, messages_from_json(document.new_messages));
  turn.pending = std::move(document.pending);
  turn.progress = document.progress;
  return turn;
}

}  // namespace isa::sdk::team
