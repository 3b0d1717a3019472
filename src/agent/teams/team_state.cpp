#include "agent/teams/team_state.h"

namespace isa::agent {
namespace {

struct Document {
  json::object shared;
  std::optional<json::value> dag;
  std::optional<json::value> swarm;
  std::vector<std::string> steered;
  bool is_asked = false;
};
BOOST_DESCRIBE_STRUCT(Document, (), (shared, dag, swarm, steered, is_asked))

}  // namespace

Result<TeamState> TeamState::begin(const sdk::team::TeamSpec& team, const std::string& message) {
  TeamState state;
  ISA_TRY(state.shared, sdk::team::SharedState::from(team.shared_state));
  if (team.runs_as_dag())
    state.dag.emplace(team.tasks);
  else
    state.swarm.emplace(team, message);
  return state;
}

Result<TeamState> TeamState::read(const sdk::team::TeamSpec& team, const json::object& written) {
  ISA_TRY(auto document, json::read<Document>(json::value(written)));
  TeamState state;
  ISA_TRY(state.shared, sdk::team::SharedState::from(document.shared));
  if (team.runs_as_dag() != document.dag.has_value() ||
      document.dag.has_value() == document.swarm.has_value())
    return validation_error("the state is that of another kind of team and cannot be resumed");
  if (document.dag) {
    ISA_TRY(state.dag, sdk::team::DagState::resume(team.tasks, *document.dag));
  } else {
    ISA_TRY(state.swarm, sdk::team::SwarmState::resume(team, *document.swarm));
  }
  state.steered = std::move(document.steered);
  state.is_asked = document.is_asked;
  return state;
}

json::object TeamState::write() const {
  Document document{shared.entries(), {}, {}, steered, is_asked};
  if (dag) document.dag = dag->write();
  if (swarm) document.swarm = swarm->write();
  return std::move(json::write(document).get_object());
}

std::vector<TeamState::Waiting> TeamState::waiting() {
  std::vector<Waiting> list;
  if (swarm && swarm->waiting) list.push_back({{swarm->current, std::nullopt}, &*swarm->waiting});
  if (dag)
    for (auto& [id, task] : dag->waiting()) list.push_back({{dag->at(id).agent, id}, &task.turn});
  return list;
}

void TeamState::cut_off() {
  if (dag && is_asked) dag->forget_waiting();
  is_asked = false;
}

void TeamState::decide(const std::vector<CallOrigin>& origins, std::vector<sdk::CallAnswer> answers) {
  for (const auto& [whose, turn] : waiting())
    for (std::size_t i = 0; i < origins.size() && i < answers.size(); ++i)
      if (origins[i].member == whose.member && origins[i].task_id == whose.task_id)
        turn->answers.push_back(std::move(answers[i]));
  is_asked = false;
}

std::set<CallKey> calls_yet_to_ask(const sdk::team::TeamSpec& team, const json::object& written) {
  std::set<CallKey> calls;
  auto state = TeamState::read(team, written);
  if (!state || state->is_asked) return calls;
  for (const auto& [origin, turn] : state->waiting())
    for (const auto& call : turn->pending)
      calls.insert({origin.member, origin.task_id.value_or(""), call.tool_use_id});
  return calls;
}

bool has_tasks(const json::object& written) {
  const auto* dag = written.if_contains("dag");
  return dag && !dag->is_null();
}

}  // namespace isa::agent
