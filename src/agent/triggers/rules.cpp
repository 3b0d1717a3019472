#include "agent/triggers/rules.h"

#include "agent/triggers/cron.h"
#include "sdk/tools/time_zone.h"

#include <algorithm>
#include <cmath>

namespace isa::agent {
namespace {

constexpr std::int64_t kEveryMax = std::int64_t{366} * 24 * 3600;
constexpr std::int64_t kCountMax = 1000;
constexpr std::int64_t kMinutesMax = std::int64_t{7} * 24 * 60;
constexpr std::size_t kEventTypeMax = 200;

Error broken(std::string_view at, std::string_view why) {
  return validation_error("{}: {}", at, why).with_param(std::string(at));
}

// An error of the rule as the request sees it.
Error within_rule(Error error) {
  if (error.param().starts_with("/rule")) return error;
  std::string_view why = error.message();
  if (const auto at = error.param() + ": "; why.starts_with(at)) why.remove_prefix(at.size());
  return broken("/rule" + error.param(), why);
}

Result<void> check(ScheduleRule& rule) {
  if (int{rule.cron.has_value()} + int{rule.every_s.has_value()} + int{rule.at.has_value()} != 1)
    return broken("/rule", "a schedule has exactly one of cron, every_s and at");
  if (rule.every_s && (*rule.every_s < 1 || *rule.every_s > kEveryMax))
    return broken("/rule/every_s", fmt::format("must be from 1 to {} seconds", kEveryMax));
  if (rule.timezone && !rule.cron) return broken("/rule/timezone", "belongs to cron");
  if (!rule.cron) return ok();
  const auto cron = Cron::parse(*rule.cron);
  if (!cron) return broken("/rule/cron", cron.error().message());
  const auto zone = rule.timezone.value_or("UTC");
  if (const auto known = sdk::offset_of(zone, now()); !known)
    return broken(
        "/rule/timezone",
        fmt::format("'{}' is no time zone of this machine; give UTC, an offset such as +02:00, or a "
                    "name such as Europe/Berlin",
                    zone));
  if (const auto next = cron->next_after(now(), zone); !next)
    return broken("/rule/cron", next.error().message());
  return ok();
}

Result<void> check_lists(std::vector<Condition>& all, std::vector<Condition>& any) {
  if (count_regexes(all) + count_regexes(any) > kRegexesMax)
    return broken("/rule", fmt::format("has at most {} conditions with a regular expression; put what "
                                       "belongs together into one, with '|'",
                                       kRegexesMax));
  ISA_TRYV(check_conditions("/rule/all", all));
  return check_conditions("/rule/any", any);
}

Result<void> check(WebhookRule& rule) {
  return check_lists(rule.all, rule.any);
}

Result<void> check_field(const std::string& at, const std::string& field) {
  std::vector<Condition> named{{field, Operator::equals, nullptr}};
  return check_conditions(at, named);
}

Result<void> check_event(const std::string& event) {
  if (event.empty() || event.size() > kEventTypeMax)
    return broken("/rule/event",
                  fmt::format("must be the type of an event, of 1 to {} bytes", kEventTypeMax));
  return ok();
}

Result<void> check(PatternRule& rule) {
  ISA_TRYV(check_event(rule.event));
  ISA_TRYV(check_lists(rule.all, rule.any));
  if (rule.count < 1 || rule.count > kCountMax)
    return broken("/rule/count", fmt::format("must be from 1 to {}", kCountMax));
  if (rule.count > 1 && !rule.within_minutes)
    return broken("/rule/within_minutes", "is needed with a count above 1");
  if (rule.within_minutes && (*rule.within_minutes < 1 || *rule.within_minutes > kMinutesMax))
    return broken("/rule/within_minutes", fmt::format("must be from 1 to {}", kMinutesMax));
  return ok();
}

Result<void> check(ThresholdRule& rule) {
  ISA_TRYV(check_event(rule.event));
  ISA_TRYV(check_lists(rule.all, rule.any));
  ISA_TRYV(check_field("/rule/current", rule.current));
  ISA_TRYV(check_field("/rule/previous", rule.previous));
  if (!std::isfinite(rule.value) || rule.value <= 0)
    return broken("/rule/value", "must be above 0: how far the number must move");
  return ok();
}

template <class R>
Result<Rule> read_rule(const json::object& from) {
  auto read = json::read<R>(from);
  if (!read) return within_rule(std::move(read).error());
  ISA_TRYV(check(*read));
  return Rule(*std::move(read));
}

std::optional<double> number_at(const json::value& data, const std::string& field) {
  const auto* found = field_of(data, field);
  if (!found || !found->is_number()) return std::nullopt;
  return found->to_number<double>();
}

Seen see_rule(const PatternRule& rule, const json::object& memo, const Event&, Timestamp at, bool resting) {
  Seen seen;
  seen.is_met = rule.count == 1;
  if (seen.is_met) return seen;
  const auto oldest = to_millis(at - std::chrono::minutes(rule.within_minutes.value_or(1)));
  json::array times;
  if (const auto* before = memo.if_contains("times"); before && before->is_array())
    for (const auto& time : before->get_array())
      if (time.is_int64() && time.get_int64() > oldest && time.get_int64() <= to_millis(at))
        times.push_back(time);
  times.push_back(to_millis(at));
  if (std::cmp_greater(times.size(), rule.count)) times.erase(times.begin());
  seen.is_met = std::cmp_greater_equal(times.size(), rule.count);
  if (!seen.is_met) seen.why_not = fmt::format("{} of {} events so far", times.size(), rule.count);
  // Those that made it fire do not count again.
  if (!seen.is_met || resting) seen.memo["times"] = std::move(times);
  return seen;
}

Seen see_rule(const ThresholdRule& rule, const json::object& memo, const Event& event, Timestamp, bool) {
  Seen seen{memo, false, {}};
  const auto current = number_at(event.data, rule.current);
  if (!current) {
    seen.why_not = fmt::format("the event has no number '{}'", rule.current);
    return seen;
  }
  auto previous = number_at(event.data, rule.previous);
  if (!previous) previous = number_at(memo, "last");
  seen.memo["last"] = *current;
  if (!previous) {
    seen.why_not = "there is no number before to compare with";
    return seen;
  }
  const auto change = *current - *previous;
  if (rule.kind == ChangeKind::percentage && *previous == 0) {
    seen.why_not = "a change from 0 is no percentage of it";
    return seen;
  }
  const auto size =
      rule.kind == ChangeKind::absolute ? std::abs(change) : std::abs(change) / std::abs(*previous) * 100;
  const bool is_direction =
      rule.direction == Direction::any || (rule.direction == Direction::up) == (change > 0);
  seen.is_met = is_direction && size >= rule.value;
  if (!seen.is_met) seen.why_not = is_direction ? "the change is too small" : "it changed the other way";
  return seen;
}

Seen see_rule(const WebhookRule&, const json::object& memo, const Event&, Timestamp, bool) {
  return {memo, true, {}};
}

Seen see_rule(const ScheduleRule&, const json::object& memo, const Event&, Timestamp, bool) {
  return {memo, false, "a schedule sees no events"};
}

}  // namespace

Result<Rule> parse_rule(store::TriggerType type, const json::object& rule) {
  switch (type) {
    case store::TriggerType::schedule: return read_rule<ScheduleRule>(rule);
    case store::TriggerType::webhook: return read_rule<WebhookRule>(rule);
    case store::TriggerType::pattern: return read_rule<PatternRule>(rule);
    case store::TriggerType::threshold: return read_rule<ThresholdRule>(rule);
  }
  return internal_error("a trigger of an unknown type");
}

Result<std::optional<Timestamp>> next_time(const ScheduleRule& rule, Timestamp after, Timestamp origin) {
  if (rule.at) return *rule.at > after ? std::optional(*rule.at) : std::nullopt;
  if (rule.every_s) {
    const std::chrono::milliseconds every = std::chrono::seconds(*rule.every_s);
    if (after < origin) return origin + every;
    return origin + ((after - origin) / every + 1) * every;
  }
  ISA_TRY(const auto cron, Cron::parse(rule.cron.value_or("")));
  ISA_TRY(const auto next, cron.next_after(after, rule.timezone.value_or("UTC")));
  return next;
}

bool concerns(const Rule& rule, const Event& event) {
  const auto about = [&](const auto& r) {
    return r.event == event.type && all_hold(r.all, event.data) && any_holds(r.any, event.data);
  };
  if (const auto* pattern = std::get_if<PatternRule>(&rule)) return about(*pattern);
  if (const auto* threshold = std::get_if<ThresholdRule>(&rule)) return about(*threshold);
  if (const auto* hook = std::get_if<WebhookRule>(&rule))
    return all_hold(hook->all, event.data) && any_holds(hook->any, event.data);
  return false;
}

Seen see(const Rule& rule, const json::object& memo, const Event& event, Timestamp at, bool resting) {
  return std::visit([&](const auto& r) { return see_rule(r, memo, event, at, resting); }, rule);
}

}  // namespace isa::agent
