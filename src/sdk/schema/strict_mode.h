#pragma once

#include "base/json.h"

namespace isa::sdk::schema {

// Whether OpenAI's strict mode takes the schema: with `strict: true` it refuses what lies outside of its
// subset (https://platform.openai.com/docs/guides/structured-outputs, "Supported schemas"). When in doubt,
// no.
bool fits_strict_mode(const json::object& schema);

}  // namespace isa::sdk::schema
