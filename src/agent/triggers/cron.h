// When a schedule comes next: five-field cron expressions in a time zone (crontab(5), POSIX crontab).
#pragma once

#include "base/result.h"
#include "base/time.h"

#include <cstdint>
#include <string_view>

namespace isa::agent {

// minute hour day-of-month month day-of-week. A field is *, a number, a range a-b, any of these with a step
// /n, or a list of them with commas; months and days of the week may be named (jan, mon), 7 is Sunday like 0.
// Where both days are restricted, either is enough, as in every cron. @hourly, @daily, @midnight, @weekly,
// @monthly, @yearly and @annually stand for what they say.
class Cron {
 public:
  // validation_error (without a param) that names the field.
  static Result<Cron> parse(std::string_view text);

  // The first time after `after` in `zone` (sdk/tools/time_zone.h); validation_error when the zone is none,
  // or when it never comes (30 February). Where the clocks change:
  //   - an expression of certain hours comes once for each time that it names: in a gap (02:30 on the day
  //   when
  //     02:00 becomes 03:00) at the end of the gap, in a repeated hour at its first passing;
  //   - an expression of every hour (hour field *) goes by what a clock on the wall shows at each moment: its
  //     times within the gap do not come, those of the repeated hour come twice, so the pace is kept.
  Result<Timestamp> next_after(Timestamp after, std::string_view zone) const;

 private:
  struct Local;
  bool matches_day(const Local& at) const;
  bool next_match(Local& at) const;
  Result<Timestamp> next_named_time(std::chrono::local_seconds from, Timestamp after,
                                    std::string_view zone) const;
  Result<Timestamp> first_shown(Local at, std::string_view zone) const;
  Result<Timestamp> next_on_the_wall(Timestamp after, std::string_view zone) const;

  std::uint64_t minutes_ = 0;  // Bit n: the value n.
  std::uint64_t hours_ = 0;
  std::uint64_t days_ = 0;
  std::uint64_t months_ = 0;
  std::uint64_t weekdays_ = 0;
  bool any_day_ = false;
  bool any_weekday_ = false;
  bool any_hour_ = false;
};

}  // namespace isa::agent
