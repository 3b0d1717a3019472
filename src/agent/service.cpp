#include "agent/service.h"

#include "agent/chat_routes.h"
#include "agent/config_routes.h"
#include "agent/executors/in_process.h"
#include "agent/executors/pooled.h"
#include "agent/health.h"
#include "agent/memory/remembering_executor.h"
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
        memories(parts.memory_folder),
        shared_with_memory(shared, memories),
        pooled_with_memory(pooled, memories),
        places{{store::ExecutionEnv::cloud_shared, &shared_with_memory},
               {store::ExecutionEnv::cloud_pool, &pooled_with_memory},
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
                 .triggers = TriggerRoutes(triggers),
                 .memories = MemoryRoutes(parts.configs, memories)},
        background(executor) {}

  Task<void> purge_deleted() {
    for (;;) {
      const auto purged = co_await parts.configs.purge(now() - config.deleted_retention);
      if (!purged)
        log::warn("agents.purge_failed", {{"detail", purged.error().detail()}});
      else if (!purged->empty())
        log::info("agents.purged", {{"count", purged->size()}});
      for (const auto& id : purged ? *purged : std::vector<AgentId>())
        if (const auto forgotten = co_await memories.forget_agent(id); !forgotten)
          log::warn("memory.not_forgotten",
                    {{"agent_id", id.value()}, {"detail", forgotten.error().detail()}});
      co_await sleep_for(kPurgeInterval);
    }
  }

  Task<Result<void>> revive(WaitingRun waiting) {
    const Identity owner{.user = waiting.row.owner_id};
    ISA_CO_TRY(auto session, co_await parts.sessions.find(owner, waiting.row.session_id));
    const bool has_begun = waiting.row.state != store::RunState::queued;
    auto from = has_begun ? read_continuation(waiting.document, waiting.row, std::move(session))
                          : read_order(waiting.document, waiting.row, std::move(session));
    if (!from) {
      log::error("run.not_revived", {{"run_id", waiting.row.id.value()}, {"detail", from.error().message()}});
      co_return co_await give_up(parts.runs, parts.log, std::move(waiting));
    }
    // What the agent may use is what it might then; the files are those of now.
    auto& order = from->order;
    ISA_CO_TRY(order.skills,
               co_await skills.of_turn(std::move(order.skills.scope), std::move(from->skills), order.org));
    if (!has_begun) order.agent.skills = summaries_of(order.skills.skills);
    if (order.team) {
      auto team = std::make_shared<TeamPlan>(*order.team);
      ISA_CO_TRYV(co_await team_planner.add_skills(order.identity, *team));
      order.team = std::move(team);
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
  MemoryBooks memories;
  RememberingExecutor shared_with_memory;
  RememberingExecutor pooled_with_memory;
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
