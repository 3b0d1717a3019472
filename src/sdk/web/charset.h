// The characters of a page, as UTF-8.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace isa::sdk {

// By the charset of the Content-Type, else by what the page says in its first 1024 bytes (<meta charset>),
// else UTF-8 or, where it is none, windows-1252, as browsers do. validation_error for another encoding.
Result<std::string> to_utf8(std::string body, std::string_view content_type);

}  // namespace isa::sdk
