// JSON text without a document: what is sent once per token is written straight into its string.
#pragma once

#include "base/json.h"

#include <string>
#include <string_view>

namespace isa::sdk {

// Appends `text` as a JSON string, quotes included. The result is valid whatever the bytes are: ill-formed
// UTF-8 becomes U+FFFD; U+2028 and U+2029 are escaped, because they end a line in older JavaScript.
void append_json_string(std::string& to, std::string_view text);

// Appends a value with the same care for its strings, which json::serialize() does not take.
void append_json(std::string& to, const json::value& from);
void append_json(std::string& to, const json::object& from);

}  // namespace isa::sdk
