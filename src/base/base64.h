// Bytes as text (RFC 4648, section 4: the standard alphabet with padding).
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace isa {

std::string to_base64(std::string_view bytes);
// validation_error for anything but exactly one encoding of some bytes: no blanks, no missing padding.
Result<std::string> from_base64(std::string_view text);

}  // namespace isa
