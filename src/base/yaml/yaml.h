#pragma once

#include "base/json.h"

#include <filesystem>

namespace isa {

// A YAML document as JSON, so that the strict reader of base/json.h can read it. Plain scalars follow YAML's
// core schema (null, true, 12, 1.5), quoted ones are strings. validation_error with line and column when it
// is no YAML.
Result<json::value> read_yaml(const std::filesystem::path& file);
Result<json::value> parse_yaml(const std::string& text);

}  // namespace isa
