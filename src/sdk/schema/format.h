#pragma once

#include <string_view>

namespace isa::sdk::schema {

// Whether `text` has the format of a schema's "format". Known are date, time, date-time, duration (RFC 3339),
// email (RFC 5321, without comments and quotes' folding), hostname (RFC 1123), ipv4, ipv6, uri (RFC 3986) and
// uuid (RFC 4122). Any text has a format that is not known.
bool has_format(std::string_view format, std::string_view text);

}  // namespace isa::sdk::schema
