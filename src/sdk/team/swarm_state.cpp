#include "sdk/team/swarm_state.h"

namespace isa::sdk::team {
namespace {

struct WrittenHandoff {
  std::string from;
  std::string to;
  std::string reason;
  std::string context;
};
BOOST_DESCRIBE_STRUCT(WrittenHandoff, (), (from, to, reason, context))

struct Document {
  std::string current;
  std::string prompt;
  std::int64_t step = 0;
  std::map<std::string, std::int64_t> visits;
  std::map<std::string, json::array> memories;
  std::optional<WrittenHandoff> next;
  std::string last_answer;
  std::string last_speaker;
  std::vector<std::vector<std::string>> moves;  // Each [from, to].
  std::vector<HandoffResult> handoff_trace;
  std::map<std::string, std::string> agent_outputs;
  Usage usage;
  std::optional<json::value> waiting;
};
BOOST_DESCRIBE_STRUCT(Document, (),
                      (current, prompt, step, visits, memories, next, last_answer, last_speaker, moves,
                       handoff_trace, agent_outputs, usage, waiting))

Error of_another_team() {
  return validation_error("the state is that of another team and cannot be resumed");
}

}  // namespace

json::value SwarmState::write() const {
  Document document{.current = current,
                    .prompt = prompt,
                    .step = step,
                    .visits = visits,
                    .memories = {},
                    .next = {},
                    .last_answer = last_answer,
                    .last_speaker = last_speaker,
                    .moves = {},
                    .handoff_trace = handoff_trace,
                    .agent_outputs = agent_outputs,
                    .usage = usage,
                    .waiting = {}};
  for (const auto& [agent, messages] : memories) document.memories[agent] = sdk::to_json(messages);
  if (next) document.next = WrittenHandoff{next->from, next->to, next->reason, next->context};
  for (const auto& [from, to] : moves) document.moves.push_back({from, to});
  if (waiting) document.waiting = to_json(*waiting);
  return json::write(document);
}

Result<SwarmState> SwarmState::resume(const TeamSpec& team, const json::value& written) {
  ISA_TRY(auto from, json::read<Document>(written));
  if (!team.find(from.current)) return of_another_team();
  SwarmState state(team, std::move(from.prompt));
  state.current = std::move(from.current);
  state.step = from.step;
  state.visits = std::move(from.visits);
  for (const auto& [agent, messages] : from.memories) {
    ISA_TRY(state.memories[agent], messages_from_json(messages));
  }
  if (from.next) {
    auto& next = *from.next;
    state.next =
        Handoff{std::move(next.from), std::move(next.to), std::move(next.reason), std::move(next.context)};
  }
  state.last_answer = std::move(from.last_answer);
  state.last_speaker = std::move(from.last_speaker);
  for (auto& move : from.moves) {
    if (move.size() != 2) return of_another_team();
    state.moves.emplace_back(std::move(move[0]), std::move(move[1]));
  }
  state.handoff_trace = std::move(from.handoff_trace);
  state.agent_outputs = std::move(from.agent_outputs);
  state.usage = from.usage;
  if (from.waiting) {
    ISA_TRY(state.waiting, waiting_turn_from_json(*from.waiting));
  }
  return state;
}

}  // namespace isa::sdk::team
