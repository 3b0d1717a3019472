#include "agent/triggers/firing_runner.h"

#include "agent/triggers/payload.h"
#include "base/log.h"
#include "store/scope.h"

namespace isa::agent {
namespace {

using store::FiringState;

// A run that the platform has no room for is offered again, for about five minutes.
constexpr int kAttempts = 20;
constexpr std::chrono::seconds kAttemptWait{15};
constexpr std::chrono::seconds kBeginWait{2};

FiringState state_of(const RunEnding& ending) {
  if (ending.state == store::RunState::succeeded) return FiringState::succeeded;
  if (ending.state == store::RunState::cancelled) return FiringState::cancelled;
  return failure_code(ending) == "interrupted" ? FiringState::interrupted : FiringState::failed;
}

FiringState state_of(const store::Run& run) {
  if (run.state == store::RunState::succeeded) return FiringState::succeeded;
  if (run.state == store::RunState::cancelled) return FiringState::cancelled;
  return run.error_code == "interrupted" ? FiringState::interrupted : FiringState::failed;
}

Identity platform() {
  return Identity{.user = UserId(std::string(store::kPlatformUser)), .is_internal = true};
}

}  // namespace

Identity FiringRunner::owner_of(const store::Trigger& trigger) {
  Identity owner{.user = trigger.owner_id};
  for (const auto& org : trigger.org_ids.value_or(std::vector<OrgId>()))
    owner.orgs.push_back({org, "member"});
  return owner;
}

Task<Result<void>> FiringRunner::check_agent(const store::Trigger& trigger) {
  const auto& id = trigger.agent_config_id;
  const auto agent = co_await parts_.configs.find(owner_of(trigger), id);
  if (!agent && agent.error().kind() == ErrorKind::not_found)
    co_return not_found("agent '{}' does not exist", id.value());
  if (!agent) co_return Failure(agent.error());
  if (agent->mode == store::Mode::PROACTIVE) co_return ok();
  // Also the reason of a trigger that is disabled for it later, where there is no request.
  co_return validation_error(
      "agent '{}' has mode {}, and only an agent with mode PROACTIVE is started by triggers; set its mode "
      "before the trigger is enabled",
      id.value(), json::name_of(agent->mode))
      .with_param("/agent_config_id");
}

Task<Result<store::Trigger>> FiringRunner::trigger_of(const store::Firing& firing) {
  co_return co_await parts_.triggers.find(platform(), firing.trigger_id);
}

class FiringRunner::Beginning {
 public:
  Beginning(FiringRunner& runner, RunId run) : runner_(runner), run_(std::move(run)) {
    runner_.beginning_.insert(run_);
  }
  Beginning(const Beginning&) = delete;
  ~Beginning() { over(); }
  void over() {
    if (runner_.beginning_.erase(run_) > 0) runner_.changed_.notify();
  }

 private:
  FiringRunner& runner_;
  RunId run_;
};

Task<void> FiringRunner::launch_and_wait(store::Firing firing) {
  const auto run = firing.run_id;
  launch(std::move(firing));
  const auto deadline = Deadline::after(kBeginWait);
  while (beginning_.contains(run) && !deadline.passed()) co_await changed_.wait(deadline);
}

void FiringRunner::launch(store::Firing firing) {
  auto name = "firing " + firing.id.value();
  auto beginning = std::make_unique<Beginning>(*this, firing.run_id);
  runs_.spawn(std::move(name), drive(std::move(firing), std::move(beginning)));
}

Task<void> FiringRunner::stop() {
  co_await runs_.stop();
}

Task<void> FiringRunner::drive(store::Firing firing, std::unique_ptr<Beginning> beginning) {
  const auto trigger = co_await trigger_of(firing);
  if (!trigger) {
    // Deleted meanwhile, and the firing with it. Otherwise the next start finds it.
    if (trigger.error().kind() != ErrorKind::not_found)
      log::error("trigger.not_read",
                 {{"firing_id", firing.id.value()}, {"detail", trigger.error().detail()}});
    co_return;
  }
  if (auto ended = co_await outcome(*trigger, firing, *beginning))
    co_await conclude(firing, *std::move(ended));
}

Task<void> FiringRunner::follow(store::Firing firing, std::shared_ptr<LiveRun> run) {
  if (auto ended = co_await end_of(std::move(run))) co_await conclude(firing, *std::move(ended));
}

Task<void> FiringRunner::conclude(const store::Firing& firing, Outcome ended) {
  const auto state = ended.state;
  if (const auto settled = co_await settle(firing, std::move(ended)); !settled)
    log::error("trigger.not_settled",
               {{"firing_id", firing.id.value()}, {"detail", settled.error().detail()}});
  log::info("trigger.ran", {{"trigger_id", firing.trigger_id.value()},
                            {"run_id", firing.run_id.value()},
                            {"state", json::name_of(state)}});
}

Task<std::optional<FiringRunner::Outcome>> FiringRunner::end_of(std::shared_ptr<LiveRun> run) {
  co_await parts_.engine.ended(run);
  if (run->stream.is_let_go()) co_return std::nullopt;
  const auto& ending = *run->ending;
  co_return Outcome{state_of(ending), ending.failure ? ending.failure->message() : "", false};
}

Task<std::optional<FiringRunner::Outcome>> FiringRunner::outcome(const store::Trigger& trigger,
                                                                 const store::Firing& firing,
                                                                 Beginning& beginning) {
  const auto agent = co_await check_agent(trigger);
  if (!agent) {
    const auto kind = agent.error().kind();
    const bool is_final = kind == ErrorKind::not_found || kind == ErrorKind::validation_error;
    co_return Outcome{FiringState::failed, agent.error().message(), is_final};
  }
  for (int attempt = 1;; ++attempt) {
    auto run = co_await begin(trigger, firing);
    beginning.over();
    if (run) co_return co_await end_of(*std::move(run));
    if (!is_retryable(run.error().kind()) || attempt == kAttempts)
      co_return Outcome{FiringState::failed, run.error().message(), false};
    co_await sleep_for(kAttemptWait);
  }
}

Task<Result<std::shared_ptr<LiveRun>>> FiringRunner::begin(const store::Trigger& trigger,
                                                           const store::Firing& firing) {
  ChatOptions options;
  options.agent_config_id = trigger.agent_config_id;
  options.session_id = firing.session_id;
  options.metadata.emplace();
  (*options.metadata)["trigger"] = trigger_metadata(trigger, firing);
  ISA_CO_TRY(auto order,
             co_await parts_.planner.plan(owner_of(trigger), std::move(options), prompt_of(trigger, firing)));
  if (order.is_new_session && !trigger.session_id) order.session.title = trigger.name;
  order.id = firing.run_id;
  order.trace = TraceContext::make();
  ISA_CO_TRY(auto run, parts_.engine.start(std::move(order)));
  ISA_CO_TRYV(co_await parts_.engine.accepted(run));
  if (const auto marked = co_await parts_.triggers.mark_started(firing.id); !marked)
    log::warn("trigger.not_marked", {{"firing_id", firing.id.value()}, {"detail", marked.error().detail()}});
  co_return run;
}

Task<Result<void>> FiringRunner::settle(const store::Firing& firing, Outcome outcome) {
  const auto at = now();
  const bool is_test = firing.cause == store::FiringCause::test;
  store::TriggerDecision decide = [outcome, at, is_test, policy = policy_](
                                      const store::Trigger& trigger, const json::object& memo,
                                      std::int64_t) -> Result<std::optional<store::TriggerStep>> {
    if (is_test) return std::nullopt;
    store::TriggerStep step{trigger, memo, {}, {}};
    step.trigger = run_ended(trigger, outcome.state, outcome.error, outcome.is_final, at, policy);
    return step;
  };
  std::optional<std::string> error;
  if (!outcome.error.empty()) error = outcome.error;
  auto ended =
      co_await parts_.triggers.end_firing(firing.id, outcome.state, std::move(error), at, std::move(decide));
  if (!ended && ended.error().kind() == ErrorKind::not_found) co_return ok();  // Deleted meanwhile.
  co_return ended;
}

Task<Result<void>> FiringRunner::recover() {
  ISA_CO_TRY(auto open, co_await parts_.triggers.open_firings());
  for (auto& firing : open) ISA_CO_TRYV(co_await recover(std::move(firing)));
  co_return ok();
}

Task<Result<void>> FiringRunner::recover(store::Firing firing) {
  // It waited for a person, and still does.
  if (auto live = parts_.engine.registry().find(firing.run_id)) {
    auto name = "firing " + firing.id.value();
    runs_.spawn(std::move(name), follow(std::move(firing), std::move(live)));
    co_return ok();
  }
  const auto run = co_await parts_.runs.find(platform(), firing.run_id);
  if (run) {
    Outcome outcome{state_of(*run), run->error_code.value_or(""), false};
    co_return co_await settle(firing, std::move(outcome));
  }
  if (run.error().kind() != ErrorKind::not_found) co_return Failure(run.error());
  if (firing.state == FiringState::pending) {
    launch(std::move(firing));
    co_return ok();
  }
  Outcome outcome{FiringState::cancelled, "its session was deleted", false};
  co_return co_await settle(firing, std::move(outcome));
}

}  // namespace isa::agent
