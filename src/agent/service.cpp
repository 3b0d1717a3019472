#include "agent/service.h"

#include "agent/chat_routes.h"
#include "agent/config_routes.h"
#include "agent/executors/in_process.h"
#include "agent/executors/pooled.h"
#include "agent/health.h"
#include "agent/recovery.h"
#include "agent/routes.h"
#include "agent/run_continuation.h"
#include "agent/run_routes.h"
#include "agent/session_routes.h"
#include "agent/skills/skill_routes.h"
#include "agent/teams/swarm_routes.h"
#include "agent/teams/team_executor.h"
#include "agent/teams/team_routes.h"
#include "agent/template_routes.h"
#include "base/log.h"
#include "store/idempotency_keys.h"

namespace isa::agent {
namespace {

constexpr std::chrono::hours kPurgeInterval{1};

}  // namespace

struct Service::Impl {
  Impl(asio::any_io_executor executor, Parts given, AgentServiceConfig settings,
       std::vector<store::AgentTemplate> built_in, std::vector<BuiltInSkill> built_in_skills)
      : parts(std::move(given)),
        config(std::move(settings)),
        skills(std::move(built_in_skills), parts.skills),
        catalog(std::move(built_in), parts.templates, skills),
        shared(parts.model, skills),
        pooled(parts.pool, skills, "agent", config.acquire_timeout),
        custom(parts.pool, skills, "custom_agent", config.acquire_timeout),
        places{{store::ExecutionEnv::cloud_shared, &shared},
               {store::ExecutionEnv::cloud_pool, &pooled},
               {store::ExecutionEnv::deployment, &custom}},
        team_executor(places),
        engine(executor, {parts.sessions, parts.runs, parts.approvals, parts.log, places, team_executor},
               config),
        team_planner(parts.teams, parts.configs, parts.approvals, skills, parts.model, config.default_model),
        planner(parts.configs, parts.sessions, parts.approvals, skills, parts.model, team_planner,
                config.default_model),
        triggers(executor,
                 {parts.triggers, parts.configs, parts.sessions, parts.runs, planner, engine, parts.sealer},
                 config),
        probe(parts.configs, parts.pool, parts.model, config.default_model),
        keys(executor, parts.keys),
        handlers{.configs = ConfigRoutes(parts.configs, parts.teams, catalog, skills, config.default_model),
                 .templates = TemplateRoutes(catalog, parts.guard),
                 .skills = SkillRoutes(skills, parts.guard, skill_workers),
                 .sessions = SessionRoutes(parts.sessions, parts.runs, parts.configs, engine),
                 .runs = RunRoutes(parts.runs, engine),
                 .chat = ChatRoutes(planner, parts.runs, engine),
                 .approvals = ApprovalRoutes(parts.approvals, parts.runs, engine),
                 .queues = QueueRoutes(parts.sessions, parts.runs, engine),
                 .teams = TeamRoutes(parts.teams),
                 .swarms = SwarmRoutes(planner, team_planner, parts.runs, engine),
                 .triggers = TriggerRoutes(triggers)},
        background(executor) {}

  Task<void> purge_deleted() {
    for (;;) {
      const auto purged = co_await parts.configs.purge(now() - config.deleted_retention);
      if (!purged)
        log::warn("agents.purge_failed", {{"detail", purged.error().detail()}});
      else if (*purged > 0)
        log::info("agents.purged", {{"count", *purged}});
      co_await sleep_for(kPurgeInterval);
    }
  }

  Task<Result<void>> revive(WaitingRun waiting) {
    const Identity owner{.user = waiting.row.owner_id};
    ISA_CO_TRY(auto session, co_await parts.sessions.find(owner, waiting.row.session_id));
    auto from = read_continuation(waiting.continuation, waiting.row, std::move(session));
    if (!from) {
      log::error("run.not_revived", {{"run_id", waiting.row.id.value()}, {"detail", from.error().message()}});
      co_return co_await give_up(parts.runs, parts.log, std::move(waiting));
    }
    // Their files stay where they are; what the agent may use is what it might when it was suspended.
    std::vector<std::string> names;
    for (const auto& skill : from->order.agent.skills) names.push_back(skill.name);
    ISA_CO_TRY(from->order.skills, co_await skills.of_turn(owner, std::move(names), from->order.org));
    if (from->order.team) {
      auto team = std::make_shared<TeamPlan>(*from->order.team);
      ISA_CO_TRYV(co_await team_planner.add_skills(owner, *team));
      from->order.team = std::move(team);
    }
    engine.revive(std::move(waiting), *std::move(from));
    co_return ok();
  }

  Parts parts;
  AgentServiceConfig config;
  SkillLibrary skills;
  TemplateCatalog catalog;
  asio::thread_pool skill_workers{1};  // Unpack and check what is uploaded.
  InProcessExecutor shared;
  PooledExecutor pooled;
  PooledExecutor custom;
  std::map<store::ExecutionEnv, TurnExecutor*> places;
  TeamExecutor team_executor;
  RunEngine engine;
  TeamPlanner team_planner;
  ChatPlanner planner;
  Triggers triggers;
  HealthProbe probe;
  store::IdempotencyKeys keys;
  Handlers handlers;
  TaskGroup background;
};

Result<std::unique_ptr<Service>> Service::open(asio::any_io_executor executor, Parts parts,
                                               AgentServiceConfig config) {
  ISA_TRY(auto built_in, load_templates(config.templates_dir));
  ISA_TRY(auto built_in_skills, load_skills(config.skills_dir));
  auto impl = std::make_unique<Impl>(std::move(executor), std::move(parts), std::move(config),
                                     std::move(built_in), std::move(built_in_skills));
  return std::unique_ptr<Service>(new Service(std::move(impl)));
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Service::~Service() = default;

Task<Result<void>> Service::start() {
  ISA_CO_TRY(auto recovered, co_await recover_runs(impl_->parts.runs, impl_->parts.log));
  if (recovered.ended > 0 || recovered.released > 0)
    log::warn("agent.recovered", {{"runs_ended", recovered.ended}, {"runs_released", recovered.released}});
  for (auto& waiting : recovered.waiting) ISA_CO_TRYV(co_await impl_->revive(std::move(waiting)));
  for (auto& team : recovered.cut_off) ISA_CO_TRYV(co_await impl_->revive(std::move(team)));
  ISA_CO_TRYV(co_await impl_->keys.start());
  ISA_CO_TRYV(co_await impl_->triggers.start());
  impl_->background.spawn("agents.purge", impl_->purge_deleted());
  impl_->probe.set_serving(true);
  co_return ok();
}

Task<net::Health> Service::health() {
  return impl_->probe.ask();
}

net::Router Service::router() {
  return net::Router(routes(impl_->handlers, impl_->keys));
}

Task<void> Service::stop() {
  impl_->probe.set_serving(false);
  co_await impl_->triggers.stop_firing();
  co_await impl_->engine.stop();
  co_await impl_->triggers.stop();
  co_await impl_->keys.stop();
  co_await impl_->background.stop();
}

}  // namespace isa::agent
