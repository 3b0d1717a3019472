#include "agent/triggers/scheduler.h"

#include "base/log.h"

#include <algorithm>

namespace isa::agent {
namespace {

constexpr std::size_t kBatch = 64;
// Timers do not see that the machine slept or that its clock was set; so much later that is made good.
constexpr std::chrono::milliseconds kLongestSleep{60'000};
// After a store that could not be asked.
constexpr std::chrono::seconds kRetryWait{1};

store::TriggerDecision due_at(Timestamp at, TriggerPolicy policy) {
  const Cause cause{
      store::FiringId::make(), RunId::make(), SessionId::make(), store::FiringCause::schedule, {}, {}};
  return [at, policy, cause](const store::Trigger& trigger, const json::object& memo,
                             std::int64_t open) -> Result<std::optional<store::TriggerStep>> {
    if (!trigger.enabled || !trigger.next_due_at || *trigger.next_due_at > at) return std::nullopt;
    auto why = cause;
    why.once = fmt::format("due:{}", to_millis(*trigger.next_due_at));
    auto step = hold_of(trigger, open, at, policy) ? passed_over(trigger, memo, at)
                                                   : fired(trigger, memo, std::move(why), at);
    if (step) return *std::move(step);
    // Its rule has no next time that could be told; without an end here it would be due for ever.
    return store::TriggerStep{disabled(trigger, step.error().message(), at), memo, {}, {}};
  };
}

}  // namespace

Task<void> TriggerScheduler::run() {
  for (;;) {
    const auto changes = changed_.changes();
    const auto fired = co_await fire_due();
    const auto next = co_await triggers_.next_due();
    if (!fired || !next) {
      log::error("triggers.store_failed", {{"detail", (fired ? next.error() : fired.error()).detail()}});
      co_await sleep_for(kRetryWait);
      continue;
    }
    if (*fired || changed_.changes() != changes) continue;
    const auto wait =
        *next ? std::clamp(**next - now(), std::chrono::milliseconds(0), kLongestSleep) : kLongestSleep;
    co_await changed_.wait(Deadline::after(wait));
  }
}

Task<Result<bool>> TriggerScheduler::fire_due() {
  const auto at = now();
  ISA_CO_TRY(const auto due, co_await triggers_.due(at, kBatch));
  for (const auto& trigger : due) ISA_CO_TRYV(co_await fire(trigger, at));
  co_return due.size() == kBatch;
}

Task<Result<void>> TriggerScheduler::fire(const store::Trigger& trigger, Timestamp at) {
  auto firing = co_await triggers_.step(trigger.id, due_at(at, policy_));
  if (!firing && firing.error().kind() == ErrorKind::not_found) co_return ok();  // Deleted meanwhile.
  if (!firing && firing.error().kind() == ErrorKind::conflict) {
    // It has fired for this time already.
    const auto pass = [at](const store::Trigger& t, const json::object& memo,
                           std::int64_t) -> Result<std::optional<store::TriggerStep>> {
      return passed_over(t, memo, at);
    };
    firing = co_await triggers_.step(trigger.id, pass);
  }
  ISA_CO_TRY(auto made, std::move(firing));
  if (!made) co_return ok();
  log::info("trigger.fired", {{"trigger_id", trigger.id.value()}, {"run_id", made->run_id.value()}});
  runner_.launch(*std::move(made));
  co_return ok();
}

}  // namespace isa::agent
