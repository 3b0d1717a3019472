#pragma once

#include "base/result.h"

#include <chrono>
#include <string>
#include <string_view>

namespace isa {

using Timestamp = std::chrono::sys_time<std::chrono::milliseconds>;

Timestamp now();

// RFC 3339, UTC, milliseconds: 2026-11-22T21:57:13.042Z
std::string to_rfc3339(Timestamp time);
Result<Timestamp> parse_rfc3339(std::string_view text);

inline std::int64_t to_millis(Timestamp time) {
  return time.time_since_epoch().count();
}
inline Timestamp from_millis(std::int64_t millis) {
  return Timestamp(std::chrono::milliseconds(millis));
}

}  // namespace isa
