// Answers that must fit a JSON Schema (https://json-schema.org, draft 7).
#pragma once

#include "base/json.h"
#include "base/result.h"

#include <string>
#include <string_view>

namespace isa::sdk {

// validation_error when the schema is none, nests too deep, or refers to something outside of itself.
Result<void> check_output_schema(const json::object& schema);

// The JSON value that an answer holds, alone or in one fenced block, if it fits the schema. The error's
// message says to the model what to mend.
Result<json::value> structured_output(const json::object& schema, std::string_view answer);

// What a model is told of it, at the end of the system prompt.
std::string structured_output_prompt(const json::object& schema);

}  // namespace isa::sdk
