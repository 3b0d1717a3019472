#include "agent/triggers/event_intake.h"

#include "agent/triggers/payload.h"
#include "agent/triggers/webhook_signature.h"
#include "base/log.h"
#include "base/sha256.h"
#include "store/scope.h"

#include <algorithm>

namespace isa::agent {
namespace {

constexpr double kWebhookBurst = 30;
constexpr double kWebhooksPerSecond = 1;
constexpr std::size_t kCallersKept = 10'000;

json::object payload_of(const Event& event) {
  return bounded_payload("event", json::object{{"type", event.type}, {"data", event.data}});
}

// The body of a webhook as a rule sees it: JSON, or its text.
json::value document_of(const std::string& body) {
  auto document = json::parse(body);
  return document ? *std::move(document) : json::value(body);
}

Cause new_cause(store::FiringCause why) {
  return {store::FiringId::make(), RunId::make(), SessionId::make(), why, {}, {}};
}

// What a trigger's memory has of the events that came with a seed, beside what its rule remembers.
constexpr std::string_view kSeeds = "seeds";
constexpr std::size_t kSeedsKept = 16;

json::array seeds_in(const json::object& memo) {
  const auto* seeds = memo.if_contains(kSeeds);
  return seeds && seeds->is_array() ? seeds->get_array() : json::array();
}

json::object without_seeds(json::object memo) {
  memo.erase(kSeeds);
  return memo;
}

json::object with_seed(json::object memo, json::array seeds, const std::optional<std::string>& seed) {
  if (seed) seeds.emplace_back(*seed);
  if (seeds.size() > kSeedsKept) seeds.erase(seeds.begin());
  if (!seeds.empty()) memo[kSeeds] = std::move(seeds);
  return memo;
}

// The firing that an event with this seed makes of this trigger, whichever attempt makes it.
store::FiringId firing_of(const std::string& seed, const store::TriggerId& trigger) {
  constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  auto id = "fire_" + seed.substr(0, 10);  // When it was; the rest of a ULID is random.
  for (const char byte : sha256(seed + trigger.value()).substr(0, 16))
    id += kAlphabet[static_cast<unsigned char>(byte) & 31];
  return store::FiringId(std::move(id));
}

// For the desk: reads the rule of a trigger, and gives it back if it is about the event.
auto rule_about(const store::Trigger& trigger, std::shared_ptr<const Event> event) {
  return
      [type = trigger.type, rule = trigger.rule, event = std::move(event)]() -> Result<std::optional<Rule>> {
        ISA_TRY(auto read, parse_rule(type, rule));
        if (!concerns(read, *event)) return std::nullopt;
        return read;
      };
}

}  // namespace

// A trigger that an event is about, and its rule as it was read then.
struct EventIntake::Listener {
  store::Trigger trigger;
  Rule rule;
};

Task<Result<std::vector<EventIntake::Listener>>> EventIntake::concerned(UserId user, const Event& event) {
  ISA_CO_TRY(auto listening, co_await triggers_.listening(user));
  const auto shared = std::make_shared<const Event>(event);
  std::vector<Listener> about;
  for (auto& trigger : listening) {
    const auto* type = trigger.rule.if_contains("event");
    if (!type || *type != json::value(event.type)) continue;  // Nothing of the rule need be read for that.
    auto rule = co_await desk_.run<std::optional<Rule>>(user, rule_about(trigger, shared));
    // A rule that can no longer be read meets nothing.
    if (!rule && rule.error().kind() != ErrorKind::validation_error)
      co_return Failure(std::move(rule).error());
    if (rule && *rule) about.push_back({std::move(trigger), **std::move(rule)});
  }
  co_return about;
}

Task<Result<std::vector<EventVerdict>>> EventIntake::event(UserId user, Event event,
                                                           std::optional<std::string> seed) {
  ISA_CO_TRY(const auto about, co_await concerned(std::move(user), event));
  std::vector<EventVerdict> verdicts;
  for (const auto& listener : about) {
    auto verdict = co_await hear(listener, event, seed);
    if (!verdict && verdict.error().kind() == ErrorKind::not_found) continue;  // Deleted meanwhile.
    if (!verdict) co_return Failure(std::move(verdict).error());
    verdicts.push_back(*std::move(verdict));
  }
  co_return verdicts;
}

Task<Result<EventVerdict>> EventIntake::hear(const Listener& listener, const Event& event,
                                             const std::optional<std::string>& seed) {
  auto why_not = std::make_shared<std::string>("it was changed meanwhile");  // What the decision found out.
  auto cause = new_cause(store::FiringCause::event);
  cause.payload = payload_of(event);
  if (seed) {
    cause.firing = firing_of(*seed, listener.trigger.id);
    cause.once = "event:" + *seed;
  }
  store::TriggerDecision decide = [at = now(), policy = policy_, then = listener, event, cause, seed,
                                   why_not](const store::Trigger& trigger, const json::object& memo,
                                            std::int64_t open) -> Result<std::optional<store::TriggerStep>> {
    if (trigger.rule != then.trigger.rule || !trigger.enabled) return std::nullopt;
    const auto seeds = seeds_in(memo);
    if (seed && std::ranges::find(seeds, json::value(*seed)) != seeds.end()) {
      *why_not = "it has seen this event already";
      return std::nullopt;
    }
    const auto before = without_seeds(memo);
    const auto hold = hold_of(trigger, open, at, policy);
    auto seen = see(then.rule, before, event, at, hold.has_value());
    *why_not = seen.is_met && hold ? std::string(hold->code()) : seen.why_not;
    const bool is_changed = seen.memo != before;
    auto next = with_seed(std::move(seen.memo), seeds, seed);
    if (seen.is_met && !hold) return fired(trigger, std::move(next), cause, at);
    if (!is_changed) return std::nullopt;
    return store::TriggerStep{trigger, std::move(next), {}, {}};
  };
  auto firing = co_await triggers_.step(listener.trigger.id, std::move(decide));
  // It has fired for it already, so long ago that its memory has lost it.
  const bool is_again = !firing && seed && firing.error().kind() == ErrorKind::conflict;
  if (!firing && !is_again) co_return Failure(std::move(firing).error());
  EventVerdict verdict{listener.trigger.id, false, {}, {}, {}};
  if (is_again || !*firing) {
    verdict.why_not = *why_not;
    if (seed) ISA_CO_TRYV(co_await tell_first(cause.firing, verdict));
    co_return verdict;
  }
  verdict.fired = true;
  verdict.firing_id = (*firing)->id;
  verdict.run_id = (*firing)->run_id;
  co_await runner_.launch_and_wait(**std::move(firing));
  co_return verdict;
}

// What became of the event when it came for the first time, if it fired the trigger.
Task<Result<void>> EventIntake::tell_first(const store::FiringId& id, EventVerdict& verdict) {
  const Identity platform{.user = UserId(std::string(store::kPlatformUser)), .orgs = {}, .is_internal = true};
  const auto firing = co_await triggers_.find_firing(platform, id);
  if (!firing && firing.error().kind() == ErrorKind::not_found) co_return ok();
  if (!firing) co_return Failure(firing.error());
  verdict = {verdict.trigger_id, true, firing->id, firing->run_id, {}};
  co_return ok();
}

// Valid calls of one webhook have a bucket of their own, so that nobody without its secret can empty it.
Result<void> EventIntake::take_turn(const store::TriggerId& id, bool is_known) {
  const auto at = TokenBucket::Clock::now();
  const auto too_many = [](std::string_view what) {
    return make_error(ErrorKind::rate_limit_exceeded, "too many {}; slow down", what)
        .with_retry_after(std::chrono::seconds(1));
  };
  if (!is_known) return strangers_.take(at) ? ok() : too_many("calls of webhooks with a wrong signature");
  if (callers_.size() >= kCallersKept)
    std::erase_if(callers_, [&](const auto& one) { return one.second.is_full(at); });
  auto& bucket = callers_.try_emplace(id, kWebhookBurst, kWebhooksPerSecond).first->second;
  return bucket.take(at) ? ok() : too_many("calls of this webhook");
}

Task<Result<store::Trigger>> EventIntake::authenticate(store::TriggerId id, const std::string& header,
                                                       const std::string& body) {
  ISA_CO_TRY(const auto signature, WebhookSignature::parse(header));
  const auto found = co_await triggers_.webhook(id);
  if (!found && found.error().kind() != ErrorKind::not_found) co_return Failure(found.error());
  const auto secret = found ? sealer_.open(found->second) : not_found("no such webhook");
  if (found && !secret)
    log::error("trigger.secret_not_opened",
               {{"trigger_id", found->first.id.value()}, {"message", secret.error().message()}});
  // Without a secret the call is compared as well, with one that nobody has: its answer is that of a
  // signature that is wrong, and says nothing of which webhooks there are.
  ISA_CO_TRYV(verify_webhook(signature, secret.value_or(make_webhook_secret()), body, now()));
  co_return found->first;
}

Task<Result<EventVerdict>> EventIntake::webhook(store::TriggerId id, std::string header, std::string body) {
  auto trigger = co_await authenticate(id, header, body);
  if (!trigger && trigger.error().kind() == ErrorKind::unauthorized) ISA_CO_TRYV(take_turn(id, false));
  if (!trigger) co_return Failure(std::move(trigger).error());
  ISA_CO_TRYV(take_turn(id, true));
  EventVerdict verdict{trigger->id, false, {}, {}, {}};
  const auto event = std::make_shared<const Event>("webhook", document_of(body));
  ISA_CO_TRY(const auto rule,
             co_await desk_.run<std::optional<Rule>>(trigger->owner_id, rule_about(*trigger, event)));
  if (!rule) {
    verdict.why_not = "the body does not meet the conditions";
    co_return verdict;
  }
  auto cause = new_cause(store::FiringCause::webhook);
  cause.payload = bounded_payload("body", event->data);
  // The MAC alone, for the same time can be written in several ways.
  ISA_CO_TRY(const auto signature, WebhookSignature::parse(header));
  cause.once = "sig:" + signature.mac;
  store::TriggerDecision decide = [at = now(), policy = policy_, cause](
                                      const store::Trigger& current, const json::object& memo,
                                      std::int64_t open) -> Result<std::optional<store::TriggerStep>> {
    if (auto hold = hold_of(current, open, at, policy)) return Failure(*std::move(hold));
    return fired(current, memo, cause, at);
  };
  auto firing = co_await triggers_.step(trigger->id, std::move(decide));
  if (!firing && firing.error().code() == "conflict")
    co_return conflict("this call was taken already; sign each one with its own time")
        .with_code("webhook_replayed");
  if (!firing) co_return Failure(std::move(firing).error());
  verdict.fired = true;
  verdict.firing_id = (*firing)->id;
  verdict.run_id = (*firing)->run_id;
  co_await runner_.launch_and_wait(**std::move(firing));
  co_return verdict;
}

}  // namespace isa::agent
