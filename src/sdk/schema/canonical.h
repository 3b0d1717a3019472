#pragma once

#include "base/json.h"

namespace isa::sdk::schema {

// The same text for what JSON Schema takes as equal: 1 and 1.0, and objects whatever the order of their
// fields.
std::string canonical(const json::value& value);

}  // namespace isa::sdk::schema
