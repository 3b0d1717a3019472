#include "agent/triggers/cron.h"

#include "net/text.h"
#include "sdk/tools/time_zone.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace isa::agent {
namespace {

using std::chrono::local_days;
using std::chrono::local_seconds;
using std::chrono::seconds;

constexpr std::size_t kTextMax = 256;
constexpr std::string_view kNever = "the cron expression never comes";
// Leap days are at most eight years apart (1896 to 1904); what does not come within that never does.
constexpr int kYearsAhead = 9;
// No clock was ever moved by more than a day at once.
constexpr std::chrono::hours kNear{26};

struct Field {
  std::string_view name;
  unsigned min, max;
  std::vector<std::string_view> words;  // words[i] stands for min + i.
};
const std::array<Field, 5> kFields{{
    {"minute", 0, 59, {}},
    {"hour", 0, 23, {}},
    {"day of month", 1, 31, {}},
    {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
    {"day of week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}},
}};

std::optional<unsigned> number_in(std::string_view text) {
  unsigned number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

Result<unsigned> value_in(const Field& field, std::string_view text) {
  for (std::size_t i = 0; i < field.words.size(); ++i)
    if (net::equals_ignoring_case(text, field.words[i])) return field.min + static_cast<unsigned>(i);
  const auto number = number_in(text);
  if (!number || *number < field.min || *number > field.max)
    return validation_error("'{}' in the {} of the cron expression is not from {} to {}", text, field.name,
                            field.min, field.max);
  return *number;
}

// One item of a field's list: "*", "5", "1-5", each also with "/n".
Result<std::uint64_t> bits_of_item(const Field& field, std::string_view item) {
  std::string_view range = item;
  const bool has_step = item.find('/') != std::string_view::npos;
  range = net::take_until(item, '/');
  unsigned step = 1, first = field.min, last = field.max;
  if (has_step) {
    const auto given = number_in(item);
    if (!given || *given == 0 || *given > field.max)
      return validation_error("'/{}' in the {} of the cron expression is no step from 1 to {}", item,
                              field.name, field.max);
    step = *given;
  }
  if (range != "*") {
    auto to = range;
    const auto from = net::take_until(to, '-');
    const bool is_range = range.find('-') != std::string_view::npos;
    ISA_TRY(first, value_in(field, from));
    last = has_step ? field.max : first;  // 5/10 goes on from 5.
    if (is_range) {
      ISA_TRY(last, value_in(field, to));
    }
    if (last < first)
      return validation_error("'{}' in the {} of the cron expression ends before it begins", range,
                              field.name);
  }
  std::uint64_t bits = 0;
  for (unsigned value = first; value <= last; value += step) bits |= std::uint64_t{1} << value;
  return bits;
}

Result<std::uint64_t> bits_of(const Field& field, std::string_view list) {
  std::uint64_t bits = 0;
  for (bool more = true; more;) {
    more = list.find(',') != std::string_view::npos;
    ISA_TRY(const auto item, bits_of_item(field, net::take_until(list, ',')));
    bits |= item;
  }
  return bits;
}

std::string_view meaning_of(std::string_view text) {
  constexpr std::array<std::pair<std::string_view, std::string_view>, 7> kWords{{
      {"@hourly", "0 * * * *"},
      {"@daily", "0 0 * * *"},
      {"@midnight", "0 0 * * *"},
      {"@weekly", "0 0 * * 0"},
      {"@monthly", "0 0 1 * *"},
      {"@yearly", "0 0 1 1 *"},
      {"@annually", "0 0 1 1 *"},
  }};
  for (const auto& [word, meaning] : kWords)
    if (text == word) return meaning;
  return text;
}

bool has_bit(std::uint64_t bits, unsigned value) {
  return (bits >> value & 1) != 0;
}

local_seconds wall_at(Timestamp at, seconds east) {
  return local_seconds(std::chrono::floor<seconds>(at).time_since_epoch() + east);
}
Timestamp instant_of(local_seconds wall, seconds east) {
  return Timestamp(wall.time_since_epoch() - east);
}

Result<seconds> east_at(std::string_view zone, Timestamp at) {
  ISA_TRY(const auto offset, sdk::offset_of(zone, at));
  return offset.east;
}

// The first moment after `from`, up to `to`, that has another offset than `from`; nothing when the two have
// the same.
Result<std::optional<Timestamp>> change_between(std::string_view zone, Timestamp from, Timestamp to) {
  ISA_TRY(const auto before, east_at(zone, from));
  ISA_TRY(const auto after, east_at(zone, to));
  if (before == after) return std::nullopt;
  while (to - from > seconds(1)) {
    const auto middle = from + std::chrono::floor<seconds>((to - from) / 2);
    ISA_TRY(const auto there, east_at(zone, middle));
    (there == before ? from : to) = middle;
  }
  return std::chrono::ceil<seconds>(from + std::chrono::milliseconds(1));
}

// The moment at which a wall clock shows `wall`: the first of two, the end of the gap where it never does.
Result<Timestamp> first_moment_of(std::string_view zone, local_seconds wall) {
  ISA_TRY(const auto early, east_at(zone, instant_of(wall, {}) - kNear));
  ISA_TRY(const auto late, east_at(zone, instant_of(wall, {}) + kNear));
  if (early == late) return instant_of(wall, early);
  const auto a = instant_of(wall, std::max(early, late)), b = instant_of(wall, std::min(early, late));
  for (const auto moment : {a, b}) {
    ISA_TRY(const auto east, east_at(zone, moment));
    if (wall_at(moment, east) == wall) return moment;
  }
  ISA_TRY(const auto change, change_between(zone, a, b));
  return change.value_or(b);
}

}  // namespace

// A minute on the wall, in parts.
struct Cron::Local {
  local_days day;
  unsigned hour = 0, minute = 0;

  explicit Local(local_seconds at) : day(std::chrono::floor<std::chrono::days>(at)) {
    const auto rest = at - local_seconds(day);
    hour = static_cast<unsigned>(std::chrono::duration_cast<std::chrono::hours>(rest).count());
    minute = static_cast<unsigned>(std::chrono::duration_cast<std::chrono::minutes>(rest).count() % 60);
  }
  std::chrono::year_month_day date() const { return std::chrono::year_month_day(day); }
  local_seconds time() const {
    return local_seconds(day) + std::chrono::hours(hour) + std::chrono::minutes(minute);
  }
};

Result<Cron> Cron::parse(std::string_view given) {
  if (given.size() > kTextMax)
    return validation_error("the cron expression is longer than {} bytes", kTextMax);
  auto text = meaning_of(net::trim(given));
  std::vector<std::string_view> parts;
  while (!text.empty() && parts.size() <= kFields.size()) {
    parts.push_back(net::take_until(text, ' '));
    text = net::trim(text);
  }
  if (parts.size() != kFields.size())
    return validation_error(
        "a cron expression has five fields (minute hour day-of-month month day-of-week), as in '0 9 * * "
        "1-5'");
  std::array<std::uint64_t, 5> bits{};
  for (std::size_t i = 0; i < parts.size(); ++i) {
    ISA_TRY(bits[i], bits_of(kFields[i], parts[i]));
  }
  Cron cron;
  cron.minutes_ = bits[0];
  cron.hours_ = bits[1];
  cron.days_ = bits[2];
  cron.months_ = bits[3];
  cron.weekdays_ = bits[4] | (has_bit(bits[4], 7) ? 1 : 0);
  cron.any_hour_ = parts[1].starts_with('*');
  cron.any_day_ = parts[2].starts_with('*');
  cron.any_weekday_ = parts[4].starts_with('*');
  return cron;
}

bool Cron::matches_day(const Local& at) const {
  const auto date = at.date();
  if (!has_bit(months_, static_cast<unsigned>(date.month()))) return false;
  const bool day = has_bit(days_, static_cast<unsigned>(date.day()));
  const bool weekday = has_bit(weekdays_, std::chrono::weekday(at.day).c_encoding());
  return any_day_ || any_weekday_ ? day && weekday : day || weekday;
}

// Moves `at` to the first match that is not before it; false when none comes.
bool Cron::next_match(Local& at) const {
  const auto last = at.day + std::chrono::days(366) * kYearsAhead;
  while (at.day <= last) {
    if (matches_day(at)) {
      for (; at.hour < 24; ++at.hour, at.minute = 0) {
        if (!has_bit(hours_, at.hour)) continue;
        while (at.minute < 60 && !has_bit(minutes_, at.minute)) ++at.minute;
        if (at.minute < 60) return true;
      }
    }
    at.day += std::chrono::days(1);
    at.hour = at.minute = 0;
  }
  return false;
}

Result<Timestamp> Cron::next_after(Timestamp after, std::string_view zone) const {
  if (any_hour_) return next_on_the_wall(after, zone);
  ISA_TRY(const auto then, east_at(zone, after - kNear));
  ISA_TRY(const auto now, east_at(zone, after));
  ISA_TRY(const auto soon, east_at(zone, after + kNear));
  // Shortly after a gap or within a repeated hour, times that were on the wall earlier may still be to come.
  const auto spread = std::max({then, now, soon}) - std::min({then, now, soon});
  return next_named_time(wall_at(after, now) - spread, after, zone);
}

Result<Timestamp> Cron::next_named_time(local_seconds from, Timestamp after, std::string_view zone) const {
  Local at(from);
  while (next_match(at)) {
    ISA_TRY(const auto moment, first_moment_of(zone, at.time()));
    if (moment > after) return moment;
    at = Local(at.time() + std::chrono::minutes(1));
  }
  return validation_error("{}", kNever);
}

// Far ahead of any change that matters: the first match that a clock on the wall shows at all.
Result<Timestamp> Cron::first_shown(Local at, std::string_view zone) const {
  while (next_match(at)) {
    ISA_TRY(const auto moment, first_moment_of(zone, at.time()));
    ISA_TRY(const auto east, east_at(zone, moment));
    if (wall_at(moment, east) == at.time()) return moment;
    at = Local(at.time() + std::chrono::minutes(1));
  }
  return validation_error("{}", kNever);
}

Result<Timestamp> Cron::next_on_the_wall(Timestamp after, std::string_view zone) const {
  ISA_TRY(auto east, east_at(zone, after));
  Local at(wall_at(after, east) + std::chrono::minutes(1));
  if (!next_match(at)) return validation_error("{}", kNever);
  ISA_TRY(const auto change, change_between(zone, after, after + kNear));
  const auto soon = instant_of(at.time(), east);
  if (!change) return soon - after < kNear ? Result<Timestamp>(soon) : first_shown(at, zone);
  if (soon < *change) return soon;
  // From the change on the wall shows other times: some are left out, or come again.
  ISA_TRY(east, east_at(zone, *change));
  at = Local(wall_at(*change + std::chrono::seconds(59), east));
  if (!next_match(at)) return validation_error("{}", kNever);
  const auto later = instant_of(at.time(), east);
  return later - *change < kNear ? Result<Timestamp>(later) : first_shown(at, zone);
}

}  // namespace isa::agent
