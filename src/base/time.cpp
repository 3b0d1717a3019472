#include "base/time.h"

#include <optional>

namespace isa {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// In `shape`, d stands for a digit and everything else for itself.
bool has_shape(std::string_view text, std::string_view shape) {
  if (text.size() < shape.size()) return false;
  for (std::size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == 'd' ? !is_digit(text[i]) : text[i] != shape[i]) return false;
  return true;
}

int number_at(std::string_view text, std::size_t at, std::size_t digits) {
  int number = 0;
  for (const char c : text.substr(at, digits)) number = number * 10 + (c - '0');
  return number;
}

// "Z", "+02:00": the minutes that the clock there is ahead.
std::optional<int> parse_zone(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || !has_shape(text.substr(1), "dd:dd"))
    return std::nullopt;
  const int hours = number_at(text, 1, 2), minutes = number_at(text, 4, 2);
  if (hours > 23 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (hours * 60 + minutes);
}

// ".5", or nothing, taken off `rest`: the milliseconds; digits past the third are dropped.
std::optional<int> take_fraction(std::string_view& rest) {
  int millis = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    if (rest.empty() || !is_digit(rest[0])) return std::nullopt;
    for (int scale = 100; !rest.empty() && is_digit(rest[0]); scale /= 10) {
      millis += (rest[0] - '0') * scale;
      rest.remove_prefix(1);
    }
  }
  return millis;
}

}  // namespace

Timestamp now() {
  return std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
}

std::string to_rfc3339(Timestamp time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

Result<Timestamp> parse_rfc3339(std::string_view text) {
  const auto refused = [&] {
    return validation_error(
        "'{}' is not an RFC 3339 time such as 2026-11-22T21:57:13Z or 2026-11-22T23:57:13+02:00", text);
  };
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (!has_shape(text, kShape)) return refused();
  auto rest = text.substr(kShape.size());
  const auto millis = take_fraction(rest);
  const auto ahead = parse_zone(rest);
  const int year = number_at(text, 0, 4), month = number_at(text, 5, 2), day = number_at(text, 8, 2);
  const int hour = number_at(text, 11, 2), minute = number_at(text, 14, 2), second = number_at(text, 17, 2);
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  // A leap second is the first instant of the next minute: the clock that we keep has none.
  if (!millis || !ahead || !date.ok() || hour > 23 || minute > 59 || second > 60) return refused();
  return Timestamp(std::chrono::sys_days(date).time_since_epoch()) + std::chrono::hours(hour) +
         std::chrono::minutes(minute) + std::chrono::seconds(second) + std::chrono::milliseconds(*millis) -
         std::chrono::minutes(*ahead);
}

}  // namespace isa
