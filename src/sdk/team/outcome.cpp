#include "sdk/team/outcome.h"

#include "sdk/team/bounded.h"

namespace isa::sdk::team {

json::object details_of(const TeamOutcome& outcome) {
  json::object details{{"final_agent", outcome.final_agent},
                       {"handoff_trace", json::write(outcome.handoff_trace)},
                       {"shared_state", outcome.shared_state},
                       {"usage", json::write(outcome.usage)}};
  if (!outcome.limit.empty()) details["limit"] = outcome.limit;
  json::object outputs;
  for (const auto& [agent, text] : outcome.agent_outputs) outputs[agent] = cut_end(text, kReportedOutputMax);
  details["agent_outputs"] = std::move(outputs);
  if (outcome.tasks.empty()) return details;
  auto tasks = outcome.tasks;
  for (auto& task : tasks) task.output = cut_end(task.output, kReportedOutputMax);
  details["tasks"] = json::write(tasks);
  return details;
}

}  // namespace isa::sdk::team
