// Names of hosts, as allow-lists write them and as requests claim them.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace isa::net {

// A host's name as it is compared: lower case, without the dot at the end. validation_error for what is no
// DNS name in ASCII with at least one dot, so also for an IP address in any spelling that some resolver reads
// as one (127.0.0.1, 0x7f.1, 2130706433, [::1]). Names in other scripts are written in their xn-- form (RFC
// 5890).
Result<std::string> normal_host(std::string_view text);

// api.example.com, *.example.com (every name below it, not itself), and either with :port.
struct HostPattern {
  std::string name;
  bool is_wildcard = false;
  std::optional<std::uint16_t> port;

  static Result<HostPattern> parse(std::string_view text);
  bool matches(std::string_view normal) const;  // Of a normal_host().
  std::string to_string() const;
};

// What follows the colon of an authority: 1 to 65535 in decimal digits.
std::optional<std::uint16_t> parse_port_number(std::string_view text);

}  // namespace isa::net
