#include "agent/triggers/triggers.h"

#include "agent/triggers/payload.h"
#include "agent/triggers/webhook_signature.h"

namespace isa::agent {
namespace {

TriggerPolicy policy_of(const AgentServiceConfig& config) {
  TriggerPolicy policy;
  policy.max_failures = config.trigger_max_failures;
  policy.backoff = config.trigger_backoff;
  return policy;
}

std::vector<OrgId> orgs_of(const Identity& who) {
  std::vector<OrgId> orgs;
  for (const auto& membership : who.orgs) orgs.push_back(membership.org);
  return orgs;
}

}  // namespace

Triggers::Triggers(asio::any_io_executor executor, Parts parts, const AgentServiceConfig& config)
    : parts_(parts),
      policy_(policy_of(config)),
      limit_(config.max_triggers_per_user),
      desk_(executor),
      runner_(executor, {parts.triggers, parts.configs, parts.runs, parts.planner, parts.engine}, policy_),
      scheduler_(executor, parts.triggers, runner_, policy_),
      intake_(parts.triggers, runner_, parts.sealer, desk_, policy_) {}

Task<Result<void>> Triggers::start() {
  ISA_CO_TRYV(co_await runner_.recover());
  scheduler_.start();
  co_return ok();
}

Task<void> Triggers::stop_firing() {
  co_await scheduler_.stop();
}

Task<void> Triggers::stop() {
  co_await runner_.stop();
}

Task<Result<void>> Triggers::check_session(const store::Trigger& trigger) {
  if (!trigger.session_id) co_return ok();
  const auto found = co_await parts_.sessions.find(FiringRunner::owner_of(trigger), *trigger.session_id);
  if (!found && found.error().kind() == ErrorKind::not_found) co_return ok();  // The first run makes it.
  if (!found) co_return Failure(found.error());
  if (found->agent_config_id == trigger.agent_config_id) co_return ok();
  co_return validation_error("/session_id: session '{}' was begun with another agent",
                             trigger.session_id->value())
      .with_param("/session_id");
}

Task<Result<Triggers::Made>> Triggers::create(const Identity& owner, store::TriggerId id,
                                              CreateTrigger body) {
  Made made;
  auto create = [id = std::move(id), body = std::move(body), user = owner.user, at = now()]() {
    return create_trigger(id, body, user, at);
  };
  ISA_CO_TRY(made.trigger, co_await desk_.run<store::Trigger>(owner.user, std::move(create)));
  made.trigger.org_ids = orgs_of(owner);
  const auto agent = co_await runner_.check_agent(made.trigger);
  const bool only_mode = !agent && agent.error().kind() == ErrorKind::validation_error;
  if (!agent && (made.trigger.enabled || !only_mode)) co_return Failure(agent.error());
  ISA_CO_TRYV(co_await check_session(made.trigger));
  std::string sealed;
  if (made.trigger.type == store::TriggerType::webhook) {
    made.secret = make_webhook_secret();
    sealed = parts_.sealer.seal(made.secret);
  }
  ISA_CO_TRYV(co_await parts_.triggers.create(made.trigger, std::move(sealed), limit_));
  scheduler_.wake();
  co_return made;
}

Task<Result<Triggers::Made>> Triggers::made(Identity who, store::TriggerId id) {
  Made made;
  ISA_CO_TRY(made.trigger, co_await parts_.triggers.find(std::move(who), id));
  if (made.trigger.type != store::TriggerType::webhook) co_return made;
  ISA_CO_TRY(const auto stored, co_await parts_.triggers.webhook(id));
  ISA_CO_TRY(made.secret, parts_.sealer.open(stored.second));
  co_return made;
}

Task<Result<store::Trigger>> Triggers::patch(Identity who, store::TriggerId id, PatchTrigger body) {
  ISA_CO_TRY(const auto current, co_await parts_.triggers.find(who, id));
  // Only its owner lends it memberships.
  const auto orgs = who.user == current.owner_id ? std::optional(orgs_of(who)) : current.org_ids;
  auto change = [current, body, at = now()]() { return patch_trigger(current, body, at); };
  ISA_CO_TRY(auto wanted, co_await desk_.run<store::Trigger>(current.owner_id, std::move(change)));
  wanted.org_ids = orgs;
  if (wanted.enabled) ISA_CO_TRYV(co_await runner_.check_agent(wanted));
  ISA_CO_TRYV(co_await check_session(wanted));
  store::TriggerDecision decide = [body = std::move(body), orgs, at = now()](
                                      const store::Trigger& trigger, const json::object& memo,
                                      std::int64_t) -> Result<std::optional<store::TriggerStep>> {
    ISA_TRY(auto next, change_trigger(trigger, body, at));
    next.org_ids = orgs;
    const bool is_same_rule = next.rule == trigger.rule;
    return store::TriggerStep{std::move(next), is_same_rule ? memo : json::object(), {}, {}};
  };
  ISA_CO_TRYV(co_await parts_.triggers.step(id, std::move(decide)));
  scheduler_.wake();
  co_return co_await parts_.triggers.find(std::move(who), std::move(id));
}

Task<Result<void>> Triggers::remove(Identity who, store::TriggerId id) {
  co_return co_await parts_.triggers.remove(std::move(who), std::move(id));
}

Task<Result<store::Firing>> Triggers::fire(Identity who, store::TriggerId id, store::FiringId firing,
                                           RunId run, json::object payload) {
  ISA_CO_TRY(const auto trigger, co_await parts_.triggers.find(std::move(who), id));
  ISA_CO_TRYV(co_await runner_.check_agent(trigger));
  Cause cause{std::move(firing), std::move(run), SessionId::make(), store::FiringCause::test, {}, {}};
  cause.payload = bounded_payload("test", std::move(payload));
  store::TriggerDecision decide = [cause, at = now(), policy = policy_](
                                      const store::Trigger& current, const json::object& memo,
                                      std::int64_t open) -> Result<std::optional<store::TriggerStep>> {
    auto awake = current;
    awake.enabled = true;
    awake.not_before.reset();
    if (auto hold = hold_of(awake, open, at, policy)) return Failure(*std::move(hold));
    return fired(current, memo, cause, at);
  };
  ISA_CO_TRY(auto made, co_await parts_.triggers.step(id, std::move(decide)));
  if (!made) co_return internal_error("a test made no firing");
  co_await runner_.launch_and_wait(*made);
  co_return *std::move(made);
}

}  // namespace isa::agent
