// The rule at the end of a zone file for the years after its table: CET-1CEST,M3.5.0,M10.5.0/3 (POSIX, "TZ").
#pragma once

#include "sdk/tools/time_zone.h"

#include <optional>

namespace isa::sdk {

class PosixZone {
 public:
  static std::optional<PosixZone> parse(std::string_view text);
  ZoneOffset at(std::int64_t unix_seconds) const;

  // A day of the year and the local time on it, in seconds, at which the clocks change.
  struct Change {
    enum class Kind { month_week_day, julian_without_leap, day_of_year } kind = Kind::month_week_day;
    int month = 0, week = 0, day = 0;
    std::int64_t seconds = 2 * 3600;
  };

 private:
  ZoneOffset standard_;
  std::optional<ZoneOffset> summer_;
  Change begin_, end_;
};

}  // namespace isa::sdk
