// All events of an ended run as one compact value: {u64 seq, u32 length, json} each, little-endian, in order.
#pragma once

#include "store/event_log.h"

#include <string>
#include <string_view>
#include <vector>

namespace isa::store {

std::string pack_events(const std::vector<LoggedEvent>& events);

// Those with seq > after. internal_error when the bytes are no packed events.
Result<std::vector<LoggedEvent>> unpack_events(std::string_view bytes, std::int64_t after);

}  // namespace isa::store
