#include "agent/triggers/life.h"

#include <algorithm>

namespace isa::agent {
namespace {

using store::FiringCause;
using store::FiringState;
using store::Trigger;

// A firing so soon after it was due was on time: its rest counts from when it was due, or a trigger of every
// minute with a cooldown of one would miss every second minute.
constexpr std::chrono::seconds kOnTime{10};
constexpr std::string_view kIsOver = "it has fired at its one time";

Result<std::optional<Timestamp>> next_due(const Trigger& trigger, Timestamp at) {
  ISA_TRY(const auto rule, parse_rule(trigger.type, trigger.rule));
  const auto* schedule = std::get_if<ScheduleRule>(&rule);
  if (!schedule) return std::nullopt;
  // The first time that is not before the end of its rest.
  const auto from = std::max(at, trigger.not_before.value_or(at) - std::chrono::milliseconds(1));
  return next_time(*schedule, from, trigger.created_at);
}

// Its next time; one that has none is over.
Result<void> go_on(Trigger& trigger, Timestamp at) {
  if (trigger.type != store::TriggerType::schedule) return ok();
  ISA_TRY(trigger.next_due_at, next_due(trigger, at));
  if (!trigger.next_due_at) trigger = disabled(std::move(trigger), std::string(kIsOver), at);
  return ok();
}

}  // namespace

std::optional<Error> hold_of(const Trigger& trigger, std::int64_t open_firings, Timestamp at,
                             const TriggerPolicy& policy) {
  if (!trigger.enabled)
    return conflict("trigger '{}' is disabled{}", trigger.id.value(),
                    trigger.disabled_reason ? ": " + *trigger.disabled_reason : "")
        .with_code("trigger_disabled");
  if (trigger.not_before && at < *trigger.not_before)
    return make_error(ErrorKind::rate_limit_exceeded, "trigger '{}' rests until {}", trigger.id.value(),
                      to_rfc3339(*trigger.not_before))
        .with_code("trigger_cooldown")
        .with_retry_after(std::chrono::ceil<std::chrono::seconds>(*trigger.not_before - at));
  if (open_firings >= policy.max_open)
    return make_error(ErrorKind::rate_limit_exceeded, "trigger '{}' has {} runs that have not ended",
                      trigger.id.value(), open_firings)
        .with_code("trigger_busy")
        .with_retry_after(std::chrono::seconds(5));
  return std::nullopt;
}

Result<store::TriggerStep> fired(Trigger trigger, json::object memo, Cause cause, Timestamp at) {
  store::Firing firing;
  firing.id = std::move(cause.firing);
  firing.trigger_id = trigger.id;
  firing.cause = cause.cause;
  firing.payload = std::move(cause.payload);
  firing.run_id = std::move(cause.run);
  firing.session_id = trigger.session_id.value_or(std::move(cause.session));
  firing.created_at = at;
  const bool is_due = cause.cause == FiringCause::schedule;
  if (is_due) firing.due_at = trigger.next_due_at;
  if (cause.cause != FiringCause::test) {
    const auto was_due = firing.due_at.value_or(at);
    const auto rest_from = at - was_due <= kOnTime ? was_due : at;
    trigger.fire_count += 1;
    trigger.last_fired_at = at;
    trigger.not_before = rest_from + std::chrono::seconds(trigger.cooldown_s);
    trigger.updated_at = at;
    if (is_due) ISA_TRYV(go_on(trigger, at));
  }
  return store::TriggerStep{std::move(trigger), std::move(memo), std::move(firing), std::move(cause.once)};
}

Result<store::TriggerStep> passed_over(Trigger trigger, json::object memo, Timestamp at) {
  ISA_TRYV(go_on(trigger, at));
  return store::TriggerStep{std::move(trigger), std::move(memo), {}, {}};
}

Trigger run_ended(Trigger trigger, FiringState end, const std::string& error, bool is_final, Timestamp at,
                  const TriggerPolicy& policy) {
  if (end == FiringState::succeeded) trigger.failures = 0;
  if (end != FiringState::failed) return trigger;
  trigger.failures += 1;
  if (!trigger.enabled) return trigger;
  if (is_final) return disabled(std::move(trigger), error, at);
  if (trigger.failures >= policy.max_failures) {
    auto reason = fmt::format("{} runs failed one after the other; the last: {}", trigger.failures, error);
    return disabled(std::move(trigger), std::move(reason), at);
  }
  const auto doublings = std::min<std::int64_t>(trigger.failures - 1, 20);
  const auto pause = std::min(policy.backoff * (std::int64_t{1} << doublings), policy.backoff_max);
  trigger.not_before = std::max(trigger.not_before.value_or(at), at + pause);
  trigger.updated_at = at;
  if (trigger.next_due_at && *trigger.next_due_at < *trigger.not_before) {
    // A rule that can no longer be read (another zone database) would fail at its next time just the same.
    if (const auto next = go_on(trigger, at); !next)
      return disabled(std::move(trigger), next.error().message(), at);
  }
  return trigger;
}

Result<Trigger> enabled(Trigger trigger, Timestamp at) {
  trigger.enabled = true;
  trigger.disabled_reason.reset();
  trigger.failures = 0;
  trigger.not_before.reset();
  if (trigger.type != store::TriggerType::schedule) return trigger;
  ISA_TRY(trigger.next_due_at, next_due(trigger, at));
  if (!trigger.next_due_at)
    return validation_error("/rule/at: that time has passed; give a later one").with_param("/rule/at");
  return trigger;
}

Trigger disabled(Trigger trigger, std::optional<std::string> reason, Timestamp at) {
  trigger.enabled = false;
  trigger.disabled_reason = std::move(reason);
  trigger.next_due_at.reset();
  trigger.updated_at = at;
  return trigger;
}

}  // namespace isa::agent
