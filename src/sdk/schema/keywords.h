// The words of JSON Schema: what stands behind each of them.
#pragma once

#include "base/json.h"

namespace isa::sdk::schema {

// Whether `value` is what the keyword wants; of one that holds schemas only that it can hold them. Anything
// does for a word that is not known. validation_error for one that is known to be not supported.
Result<void> check_shape(std::string_view key, const json::value& value, const json::Path& at);

enum class Subschemas { none, one, list, named };
Subschemas subschemas_of(std::string_view key, const json::value& value);

// Its schemas look at the same value as the schema that it stands in.
bool is_in_place(std::string_view key);

}  // namespace isa::sdk::schema
