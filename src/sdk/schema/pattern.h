// Regular expressions as JSON Schema has them (ECMA-262, with Unicode), matched in linear time by RE2:
// whoever writes a schema is a stranger, and a backtracking matcher can be made to take forever.
#pragma once

#include "base/result.h"

#include <memory>
#include <string_view>

namespace re2 {
class RE2;
}

namespace isa::sdk::schema {

// Cheap to copy.
class Pattern {
 public:
  // validation_error for what is no ECMA-262, and for what takes more than linear time: looking ahead or
  // behind, and back-references.
  static Result<Pattern> parse(std::string_view ecma);
  bool is_found_in(std::string_view text) const;  // Anywhere in it.
  // How much work a match is, per byte of the text, at most: instructions of the compiled form.
  std::size_t size() const;

 private:
  explicit Pattern(std::shared_ptr<const re2::RE2> regex) : regex_(std::move(regex)) {}
  std::shared_ptr<const re2::RE2> regex_;
};

}  // namespace isa::sdk::schema
