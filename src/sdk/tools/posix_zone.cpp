#include "sdk/tools/posix_zone.h"

#include <charconv>
#include <chrono>

namespace isa::sdk {
namespace {

using Change = PosixZone::Change;

// Reads from the front of a text; the first thing that does not fit makes it failed for good.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool failed() const { return failed_; }
  bool at_end() const { return rest_.empty(); }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void need(char c) { failed_ = !skip(c) || failed_; }

  std::string name() {
    std::size_t length = 0;
    const bool quoted = skip('<');
    const auto is_part = [&](char c) {
      return quoted ? c != '>' : (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    };
    while (length < rest_.size() && is_part(rest_[length])) ++length;
    std::string text(rest_.substr(0, length));
    rest_.remove_prefix(length);
    if (quoted) need('>');
    if (text.empty()) failed_ = true;
    return text;
  }
  int number() {
    int value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc()) failed_ = true;
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return value;
  }
  // [+-]hh[:mm[:ss]] in seconds.
  std::int64_t time() {
    const bool is_negative = skip('-');
    if (!is_negative) skip('+');
    std::int64_t seconds = std::int64_t{3600} * number();
    if (skip(':')) seconds += std::int64_t{60} * number();
    if (skip(':')) seconds += number();
    return is_negative ? -seconds : seconds;
  }
  Change change() {
    Change change;
    if (skip('M')) {
      change.month = number();
      need('.');
      change.week = number();
      need('.');
    } else {
      change.kind = skip('J') ? Change::Kind::julian_without_leap : Change::Kind::day_of_year;
    }
    change.day = number();
    if (skip('/')) change.seconds = time();
    if (change.kind == Change::Kind::month_week_day)
      failed_ = failed_ || change.month < 1 || change.month > 12 || change.week < 1 || change.week > 5 ||
                change.day < 0 || change.day > 6;
    return change;
  }

 private:
  std::string_view rest_;
  bool failed_ = false;
};

std::chrono::sys_days day_of(const Change& change, std::chrono::year year) {
  using namespace std::chrono;
  if (change.kind == Change::Kind::month_week_day) {
    const year_month month = year / change.month;
    const weekday day(static_cast<unsigned>(change.day));
    if (change.week == 5) return sys_days(month / day[last]);
    return sys_days(month / day[static_cast<unsigned>(change.week)]);
  }
  const sys_days first = year / January / 1;
  if (change.kind == Change::Kind::day_of_year) return first + days(change.day);
  const bool past_leap_day = year.is_leap() && change.day >= 60;
  return first + days(change.day - 1 + (past_leap_day ? 1 : 0));
}

}  // namespace

std::optional<PosixZone> PosixZone::parse(std::string_view text) {
  PosixZone zone;
  Scanner scan(text);
  zone.standard_.abbreviation = scan.name();
  zone.standard_.east = std::chrono::seconds(-scan.time());  // POSIX counts west of Greenwich.
  if (scan.failed()) return std::nullopt;
  if (scan.at_end()) return zone;
  ZoneOffset summer{zone.standard_.east + std::chrono::hours(1), scan.name()};
  if (!scan.skip(',')) {
    summer.east = std::chrono::seconds(-scan.time());
    scan.need(',');
  }
  zone.begin_ = scan.change();
  scan.need(',');
  zone.end_ = scan.change();
  if (scan.failed() || !scan.at_end()) return std::nullopt;
  zone.summer_ = std::move(summer);
  return zone;
}

ZoneOffset PosixZone::at(std::int64_t unix_seconds) const {
  using namespace std::chrono;
  if (!summer_) return standard_;
  const sys_seconds now{seconds(unix_seconds)};
  const year year = year_month_day(floor<days>(now + standard_.east)).year();
  // Each change is told in the local time that holds before it.
  const sys_seconds begin = day_of(begin_, year) + seconds(begin_.seconds) - standard_.east;
  const sys_seconds end = day_of(end_, year) + seconds(end_.seconds) - summer_->east;
  const bool is_summer = begin < end ? now >= begin && now < end : now >= begin || now < end;
  return is_summer ? *summer_ : standard_;
}

}  // namespace isa::sdk
