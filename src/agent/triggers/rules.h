// The rules by which triggers fire: what a request may say of them, and what follows. Pure functions of the
// rule, what it remembers, the event and the time.
#pragma once

#include "agent/triggers/conditions.h"
#include "store/trigger.h"

#include <optional>
#include <variant>

namespace isa::agent {

// Exactly one of cron, every_s and at.
struct ScheduleRule {
  using json_defaults = void;
  std::optional<std::string> cron;      // agent/triggers/cron.h
  std::optional<std::string> timezone;  // Of cron; UTC.
  std::optional<std::int64_t> every_s;  // 1 to 366 days, counted from the trigger's creation.
  std::optional<Timestamp> at;          // Once.
};
BOOST_DESCRIBE_STRUCT(ScheduleRule, (), (cron, timezone, every_s, at))

struct WebhookRule {
  using json_defaults = void;
  std::vector<Condition> all;  // Of the body, which must be JSON then.
  std::vector<Condition> any;
};
BOOST_DESCRIBE_STRUCT(WebhookRule, (), (all, any))

// `count` events of that type, for which every condition of `all` and one of `any` holds, within so many
// minutes.
struct PatternRule {
  using json_defaults = void;
  std::string event;
  std::vector<Condition> all;
  std::vector<Condition> any;
  std::int64_t count = 1;
  std::optional<std::int64_t> within_minutes;
};
BOOST_DESCRIBE_STRUCT(PatternRule, (), (event, all, any, count, within_minutes))

enum class ChangeKind { percentage, absolute };
BOOST_DESCRIBE_ENUM(ChangeKind, percentage, absolute)
enum class Direction { up, down, any };
BOOST_DESCRIBE_ENUM(Direction, up, down, any)

// A number of the event differs from the one before by `value` or more.
struct ThresholdRule {
  using json_defaults = void;
  std::string event;
  std::vector<Condition> all;
  std::vector<Condition> any;
  std::string current = "current_value";
  std::string previous = "previous_value";  // Where the event has none, the number of the last event counts.
  ChangeKind kind = ChangeKind::percentage;
  double value = 0;
  Direction direction = Direction::any;
};
BOOST_DESCRIBE_STRUCT(ThresholdRule, (), (event, all, any, current, previous, kind, value, direction))

using Rule = std::variant<ScheduleRule, WebhookRule, PatternRule, ThresholdRule>;

// Strict, and checked: errors name the JSON pointer below /rule. Compiles the rule's regular expressions,
// once for all events that it is held against: nothing for an event loop (RuleDesk).
Result<Rule> parse_rule(store::TriggerType type, const json::object& rule);

// When a schedule comes next after `after`; nothing when it does not. `origin`: the trigger's creation.
Result<std::optional<Timestamp>> next_time(const ScheduleRule& rule, Timestamp after, Timestamp origin);

struct Event {
  std::string type;
  json::value data;
};

// Whether the event is one that the rule is about: its type and conditions. Never true of a schedule.
bool concerns(const Rule& rule, const Event& event);

// What an event that concerns the rule does to what the rule remembers.
struct Seen {
  json::object memo;
  bool is_met = false;
  std::string why_not;  // Safe to show.
};
// `resting`: the trigger may not fire now. What counts is remembered then, so that it fires at the next event
// after its rest if that is still within the time.
Seen see(const Rule& rule, const json::object& memo, const Event& event, Timestamp at, bool resting);

}  // namespace isa::agent
