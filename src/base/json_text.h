// JSON text without a document: what is sent once per token is written straight into its string.
#pragma once

#include "base/json.h"

#include <string>
#include <string_view>

namespace isa::json {

// Appends `text` as a JSON string, quotes included. The result is valid whatever the bytes are: ill-formed
// UTF-8 becomes U+FFFD; U+2028 and U+2029 are escaped, because they end a line in older JavaScript.
void append_string(std::string& to, std::string_view text);

// Appends a value; json::serialize() is this on an empty string.
void append(std::string& to, const value& from);
void append(std::string& to, const object& from);

// Appends the shortest text that reads back as the same double and still as a double: "0.0", "2.5", "1e+21".
// What JSON cannot say, an infinity or NaN, becomes null.
void append_double(std::string& to, double number);

}  // namespace isa::json
