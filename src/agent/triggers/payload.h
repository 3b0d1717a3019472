// What a firing brings to its run.
#pragma once

#include "store/trigger.h"

#include <string>

namespace isa::agent {

inline constexpr std::size_t kPayloadMax = 8 << 10;  // Bytes, as JSON.

// {"<name>": value}, or where that is longer than kPayloadMax {"truncated": true, "bytes": n, "text": its
// beginning}.
json::object bounded_payload(std::string name, json::value value);

// metadata.trigger of the run: {id, name, type, firing_id, cause, payload}.
json::object trigger_metadata(const store::Trigger& trigger, const store::Firing& firing);

// What the run's user message says: the trigger's prompt, and what it was fired by, marked as data.
std::string prompt_of(const store::Trigger& trigger, const store::Firing& firing);

}  // namespace isa::agent
