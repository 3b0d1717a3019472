#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace isa::sdk::schema {

// A regular expression of ECMA-262 (with the flag u) in the words of RE2, which differ in what white space, a
// dot and an escape are. Every group becomes one that captures nothing. An error is half a sentence about
// what cannot be said; not every mistake is found here: RE2 looks at the result.
Result<std::string> to_re2(std::string_view ecma);

}  // namespace isa::sdk::schema
