// The files that `isa run` and `isa teams` take.
#pragma once

#include "base/json.h"

#include <string>

namespace isa::app {

// The object in a YAML file. Every error names the file.
Result<json::object> read_manifest_file(const std::string& file);
// Takes the text called `key` out of it, "" when it has none. An error for what is no text.
Result<std::string> take_text(json::object& manifest, std::string_view key, const std::string& file);

}  // namespace isa::app
