#pragma once

#include "base/json.h"

#include <filesystem>

namespace isa {

enum class YamlScalars {
  typed,  // Plain scalars follow YAML's core schema (null, true, 12, 1.5), quoted ones are strings.
  text,   // Every scalar is the string that was written: 1.0 stays "1.0". What is empty is null.
};

// A YAML document as JSON, so that the strict reader of base/json.h can read it. validation_error with line
// and column when it is no YAML, holds a key twice, is followed by another document, or becomes too large
// when its aliases are followed (more than 100 000 values, or more than 64 within each other).
Result<json::value> parse_yaml(const std::string& text, YamlScalars scalars = YamlScalars::typed);
Result<json::value> read_yaml(const std::filesystem::path& file);

}  // namespace isa
