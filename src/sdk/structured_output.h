// Answers that must fit a JSON Schema (sdk/schema/schema.h says which).
#pragma once

#include "base/json.h"
#include "base/result.h"

#include <optional>
#include <string>
#include <string_view>

namespace isa::sdk {

// validation_error when the schema is none, is too large, or needs what is not supported.
Result<void> check_output_schema(const json::object& schema);

// The JSON value that an answer holds, alone or in one fenced block, if it fits the schema. The error's
// message says to the model what to mend.
Result<json::value> structured_output(const json::object& schema, std::string_view answer);

// What a model is told of it, at the end of the system prompt.
std::string structured_output_prompt(const json::object& schema);

// What its provider is told of it, as OpenAI's `response_format`; nothing for a schema that allows anything.
// Strict where OpenAI's strict mode takes the schema.
std::optional<json::object> structured_output_format(const json::object& schema);
// The schema of such a format that structured_output_format made, and that the prompt therefore says too;
// null for anybody else's.
const json::object* own_output_schema(const std::optional<json::object>& format);

}  // namespace isa::sdk
