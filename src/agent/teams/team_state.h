// How far the run of a team is, for the store: while the run waits for people and, of a team with tasks, each
// time that one of them begins or ends.
#pragma once

#include "agent/open_calls.h"
#include "agent/teams/team_plan.h"
#include "sdk/team/dag_state.h"
#include "sdk/team/shared_state.h"
#include "sdk/team/swarm_state.h"

#include <set>

namespace isa::agent {

struct TeamState {
  // Nothing done yet. `message`: of the user.
  static Result<TeamState> begin(const sdk::team::TeamSpec& team, const std::string& message);
  // What write() wrote. validation_error when it is of another team.
  static Result<TeamState> read(const sdk::team::TeamSpec& team, const json::object& written);
  json::object write() const;

  struct Waiting {
    CallOrigin origin;
    sdk::team::WaitingTurn* turn;
  };
  // The turns that wait, in a fixed order.
  std::vector<Waiting> waiting();
  // The process that went on with it is gone: what waited was begun.
  void cut_off();
  // Gives each waiting turn the answers to its calls: origins[i] says whose answers[i] is.
  void decide(const std::vector<CallOrigin>& origins, std::vector<sdk::CallAnswer> answers);

  sdk::team::SharedState shared;
  std::optional<sdk::team::DagState> dag;      // Of a team that runs as one;
  std::optional<sdk::team::SwarmState> swarm;  // of any other.
  std::vector<std::string> steered;            // What it heard of the user meanwhile.
  bool is_asked = false;                       // Those that wait are waited for: their questions are stored.
};

// Of what write() wrote.
bool has_tasks(const json::object& written);
// The calls that wait on after the process was cut off: nobody was asked about them yet.
std::set<CallKey> calls_yet_to_ask(const sdk::team::TeamSpec& team, const json::object& written);

}  // namespace isa::agent
