// UTC offsets of time zones, without the C library's process-wide zone (tzset is not thread-safe).
#pragma once

#include "base/result.h"
#include "base/time.h"

#include <string>
#include <string_view>

namespace isa::sdk {

struct ZoneOffset {
  std::chrono::seconds east{0};
  std::string abbreviation;  // "CEST"
};

// `zone`: "UTC", an offset such as "+02:00", or a name of the zone database such as "Europe/Berlin".
// validation_error when it is none of these or the machine has no zone database.
Result<ZoneOffset> offset_of(std::string_view zone, Timestamp at);

}  // namespace isa::sdk
