// JSON Schema (https://json-schema.org): 2020-12, and draft 7 where it differs, by what `$schema` says. A
// schema that says nothing may use the words of both.
//
// Not known, and refused: what is not in the schema itself ($ref to elsewhere), $dynamicRef and
// $recursiveRef, patterns that take more than linear time. `format` is checked, not only noted, where
// has_format() knows it. contentEncoding, contentMediaType, default, examples and the like say nothing about
// what fits.
#pragma once

#include "base/json.h"
#include "sdk/schema/pattern.h"

#include <map>
#include <memory>
#include <unordered_map>

namespace isa::sdk::schema {

enum class Draft { seven, latest };

// A schema that was read once and can be checked against without surprise: every keyword has its shape, every
// reference leads somewhere, none leads in a circle that would never end.
class Schema {
 public:
  // validation_error with the place in the schema (a JSON pointer) and what is wrong there.
  static Result<Schema> compile(json::value document);

  // What of `value` does not fit: "/age: must be at least 0"; at most `max` of them, none when it fits.
  // validation_error when to find out takes too much work: a stranger's schema can ask for any amount.
  Result<std::vector<std::string>> check(const json::value& value, std::size_t max) const;

 private:
  friend class Compiler;
  friend class Evaluation;
  Schema() = default;

  std::unique_ptr<const json::value> document_;
  Draft draft_ = Draft::latest;
  std::unordered_map<const json::object*, const json::value*> targets_;  // Of $ref.
  std::map<std::string, Pattern, std::less<>> patterns_;                 // By their text.
};

}  // namespace isa::sdk::schema
