// Test support: the tasks of a team whose members run in this process.
#pragma once

#include "sdk/team/dag.h"
#include "sdk/team/test_members.h"

namespace isa::sdk::team::testing {

// Each task has an agent of its own name, unless it says otherwise.
struct DagTest : TeamTest {
  TeamSpec team;
  std::optional<DagState> state;
  SaveState save;

  void tasks(std::string_view list, std::string_view more = "") {
    const auto document = json::parse(list).value();
    std::string agents;
    for (const auto& task : document.get_array()) {
      const auto id = std::string(task.at("id").as_string());
      agents += (agents.empty() ? "" : ",") +
                fmt::format(R"({{"name":"{}","tools":["read_file","grep_search"]}})", id);
    }
    auto spec = json::parse(fmt::format(R"({{"agents":[{}],"tasks":{}{}}})", agents, list, more)).value();
    for (auto& task : spec.at("tasks").as_array())
      if (!task.as_object().contains("agent"))
        task.as_object()["agent"] = std::string(task.at("id").as_string());
    team = read_team(spec.get_object()).value();
    state.emplace(team.tasks);
  }
  Result<TeamOutcome> result() {
    return isa::testing::run(run_dag(team, request, runner, shared, *state, sink(), save));
  }
  TeamOutcome outcome() { return result().value(); }
  // As another process finds it, with what was under way still written as running.
  void read_back() {
    const auto written = json::parse(json::serialize(state->write())).value();
    state = DagState::resume(team.tasks, written).value();
  }
  std::string states() const {
    std::string text;
    for (const auto& task : state->reports())
      text += fmt::format("{}{}={}", text.empty() ? "" : " ", task.task_id, json::name_of(task.state));
    return text;
  }
  // "task:state" of every event, in order.
  std::vector<std::string> changes() const {
    std::vector<std::string> list;
    for (const auto& change : system_events("dag_task"))
      list.push_back(std::string(change.at("task_id").as_string()) + ":" +
                     std::string(change.at("state").as_string()));
    return list;
  }
};

}  // namespace isa::sdk::team::testing
