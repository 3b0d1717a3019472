// Patterns of file names: *, ?, [a-z] within a name, ** for any number of folders, {a,b} for alternatives.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace isa::sdk {

class Glob {
 public:
  // validation_error for an empty pattern, one that leads out (.., /) or has too many alternatives.
  static Result<Glob> parse(std::string_view pattern, bool include_hidden);

  bool matches(std::string_view path) const;
  // False when nothing below this folder can match.
  bool may_match_below(std::string_view folder) const;

 private:
  using Segments = std::vector<std::string>;
  std::vector<Segments> alternatives_;
  int flags_ = 0;  // Of fnmatch.
};

}  // namespace isa::sdk
