#include "agent/teams/team_planner.h"

#include "agent/approvals/questions.h"
#include "agent/chat_planner.h"
#include "agent/config_rules.h"
#include "agent/teams/team_rules.h"

#include <algorithm>
#include <set>

namespace isa::agent {
namespace {

// Nothing that was asked for is left out in silence.
Result<void> check_sandbox(const sdk::team::Member& member, store::ExecutionEnv env, std::size_t position) {
  if (member.sandbox != sdk::team::MemberSandbox::own || env != store::ExecutionEnv::cloud_shared)
    return ok();
  return validation_error(
             "/agents/{}/sandbox: the member '{}' runs in env cloud_shared, which has no sandbox; leave "
             "'own' out "
             "or use env cloud_pool",
             position, member.name)
      .with_param(fmt::format("/agents/{}/sandbox", position));
}

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

SkillsName name_of(const Identity& identity) {
  SkillsName name{identity.user, {}};
  for (const auto& membership : identity.orgs) name.orgs.push_back(membership.org);
  return name;
}

Identity identity_of(const SkillsName& name) {
  Identity identity{.user = name.user};
  for (const auto& org : name.orgs) identity.orgs.push_back({org, "member"});
  return identity;
}

store::Mode mode_of(sdk::team::MemberMode mode) {
  switch (mode) {
    case sdk::team::MemberMode::REACTIVE: return store::Mode::REACTIVE;
    case sdk::team::MemberMode::COLLABORATIVE: return store::Mode::COLLABORATIVE;
    case sdk::team::MemberMode::PROACTIVE: return store::Mode::PROACTIVE;
  }
  return store::Mode::REACTIVE;
}

// Of a member that is defined in the spec: what a config of that mode would ask about.
std::vector<store::ApprovalRule> rules_of(const sdk::team::Member& member) {
  if (!member.approvals)
    return member.mode == sdk::team::MemberMode::COLLABORATIVE ? risky_calls()
                                                               : std::vector<store::ApprovalRule>();
  std::vector<store::ApprovalRule> rules;
  for (const auto& one : *member.approvals)
    rules.push_back({.match = one.match, .timeout_s = one.timeout_s, .every = one.every});
  return rules;
}

}  // namespace

Task<Result<WantedTeam>> TeamPlanner::find(Identity who, TeamId id,
                                           std::optional<std::string> entry_agent_override) {
  auto record = co_await teams_.find(std::move(who), id);
  if (!record && record.error().kind() == ErrorKind::not_found)
    co_return failed_dependency(
        "the team '{}' of this agent does not exist, or is not shared with you; change "
        "metadata.multi_agent_id",
        id.value())
        .with_code("team_not_found");
  if (!record) co_return std::move(record).error();
  WantedTeam wanted{.spec = {}, .id = record->id, .version = record->version};
  ISA_CO_TRY(wanted.spec, read_team(*record, entry_agent_override));
  co_return wanted;
}

Task<Result<std::shared_ptr<const TeamPlan>>> TeamPlanner::plan(Identity who, WantedTeam wanted,
                                                                store::ExecutionEnv env) {
  auto plan = std::make_shared<TeamPlan>();
  plan->spec = std::move(wanted.spec);
  plan->id = std::move(wanted.id);
  plan->version = wanted.version;
  plan->max_tokens = wanted.budget.max_tokens;
  plan->max_usd = wanted.budget.max_usd;
  std::set<std::string> models;
  for (auto& member : plan->spec.members) {
    auto& where = plan->places[member.name];
    where.env = env;
    ISA_CO_TRYV(co_await place(who, member, where));
    ISA_CO_TRYV(check_deployment(where.env, where.agent_id));
    ISA_CO_TRYV(
        check_sandbox(member, where.env, static_cast<std::size_t>(&member - plan->spec.members.data())));
    // A custom agent brings its own choice of model.
    if (where.env != store::ExecutionEnv::deployment) models.insert(member.agent.model);
  }
  ISA_CO_TRYV(check_task_tools(plan->spec));
  for (const auto& model : models) ISA_CO_TRYV(co_await model_.check(model));
  for (const auto& member : plan->spec.members)
    if (wanted.budget.max_usd || member.agent.limits.max_usd)
      ISA_CO_TRYV(co_await check_max_usd(model_, plan->places[member.name].env, member.agent.model));
  ISA_CO_TRYV(co_await add_questions(who, *plan, wanted.agent));
  ISA_CO_TRYV(co_await add_skills(std::move(who), *plan));
  co_return std::shared_ptr<const TeamPlan>(std::move(plan));
}

Task<Result<void>> TeamPlanner::add_questions(const Identity& who, TeamPlan& plan,
                                              const std::optional<AgentId>& agent) {
  ISA_CO_TRY(const auto allowances, co_await approvals_.allowances(who));
  for (auto& member : plan.spec.members) {
    const auto& where = plan.places.at(member.name);
    offer_questions(member.agent);
    add_approvals(where.mode, where.approval_rules, member.agent);
    allow(member.agent, allowances, where.agent_id ? where.agent_id : agent);
  }
  co_return ok();
}

Task<Result<void>> TeamPlanner::add_skills(Identity who, TeamPlan& plan) {
  for (const auto& member : plan.spec.members) {
    const auto& where = plan.places.at(member.name);
    // A custom agent brings its own.
    if (member.skills.empty() || where.env == store::ExecutionEnv::deployment) continue;
    auto scope = where.skills_of ? identity_of(*where.skills_of) : who;
    ISA_CO_TRY(plan.skills[member.name],
               co_await skills_.of_turn(std::move(scope), member.skills, where.org));
  }
  co_return ok();
}

Task<Result<void>> TeamPlanner::place(const Identity& who, sdk::team::Member& member, MemberPlace& place) {
  if (!member.agent_config_id) {
    if (member.agent.model.empty()) member.agent.model = default_model_;
    place.mode = mode_of(member.mode);
    place.approval_rules = rules_of(member);
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
  member.skills = config->skills;
  if (member.description.empty()) member.description = config->description;
  place = {config->env, config->id, config->egress, config->org_id, config->mode, config->approvals};
  place.skills_of = name_of(skills_scope(who, *config));
  ISA_CO_TRYV(add_mcp_servers(*config, member.agent, place.egress));
  co_return ok();
}

}  // namespace isa::agent
