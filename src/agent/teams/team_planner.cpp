#include "agent/teams/team_planner.h"

#include "agent/chat_planner.h"
#include "agent/teams/team_rules.h"

#include <algorithm>
#include <set>

namespace isa::agent {
namespace {

// A task's tools are some of its agent's; of a config that is known only now.
Result<void> check_task_tools(const sdk::team::TeamSpec& spec) {
  for (const auto& task : spec.tasks) {
    if (!task.tools) continue;
    const auto& allowed = spec.find(task.agent)->agent.tools;
    for (const auto& tool : *task.tools)
      if (std::ranges::find(allowed, tool) == allowed.end())
        return validation_error("the task '{}' asks for the tool '{}', which its agent '{}' does not have",
                                task.id, tool, task.agent)
            .with_param("/tasks");
  }
  return ok();
}

}  // namespace

Task<Result<sdk::team::TeamSpec>> TeamPlanner::find(Identity who, TeamId id,
                                                    std::optional<std::string> entry_agent_override) {
  auto record = co_await teams_.find(std::move(who), id);
  if (!record && record.error().kind() == ErrorKind::not_found)
    co_return failed_dependency(
        "the team '{}' of this agent does not exist, or is not shared with you; change "
        "metadata.multi_agent_id",
        id.value())
        .with_code("team_not_found");
  if (!record) co_return std::move(record).error();
  co_return read_team(*record, entry_agent_override);
}

Task<Result<std::shared_ptr<const TeamPlan>>> TeamPlanner::plan(Identity who, sdk::team::TeamSpec spec,
                                                                store::ExecutionEnv env, sdk::Budget budget) {
  auto plan = std::make_shared<TeamPlan>();
  plan->spec = std::move(spec);
  plan->max_tokens = budget.max_tokens;
  plan->max_usd = budget.max_usd;
  std::set<std::string> models;
  for (auto& member : plan->spec.members) {
    auto& where = plan->places[member.name];
    where.env = env;
    ISA_CO_TRYV(co_await place(who, member, where));
    // A custom agent brings its own choice of model.
    if (where.env != store::ExecutionEnv::deployment) models.insert(member.agent.model);
  }
  ISA_CO_TRYV(check_task_tools(plan->spec));
  for (const auto& model : models) ISA_CO_TRYV(co_await model_.check(model));
  for (const auto& member : plan->spec.members)
    if (budget.max_usd || member.agent.limits.max_usd)
      ISA_CO_TRYV(co_await check_max_usd(model_, plan->places[member.name].env, member.agent.model));
  co_return std::shared_ptr<const TeamPlan>(std::move(plan));
}

Task<Result<void>> TeamPlanner::place(const Identity& who, sdk::team::Member& member, MemberPlace& place) {
  if (!member.agent_config_id) {
    if (member.agent.model.empty()) member.agent.model = default_model_;
    co_return ok();
  }
  const auto& id = *member.agent_config_id;
  auto config = co_await configs_.find(who, id);
  if (!config && config.error().kind() == ErrorKind::not_found)
    co_return validation_error("the agent '{}' of the team's member '{}' does not exist", id.value(),
                               member.name)
        .with_param("/agents");
  if (!config) co_return std::move(config).error();
  if (config->metadata.contains("multi_agent_id"))
    co_return validation_error("the member '{}' is a team itself; a team's members are single agents",
                               member.name)
        .with_param("/agents");
  member.agent = spec_of(*config);
  // In a team nobody is asked: what its rules would ask about is refused.
  for (const auto& rule : config->approvals) member.agent.approvals.push_back(rule.match);
  if (member.description.empty()) member.description = config->description;
  place = {config->env, config->id, config->egress};
  ISA_CO_TRYV(add_mcp_servers(*config, member.agent, place.egress));
  co_return ok();
}

}  // namespace isa::agent
