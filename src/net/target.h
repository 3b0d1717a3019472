#pragma once

#include "base/result.h"

#include <map>
#include <string>
#include <string_view>

namespace isa::net {

// A request's target, cut but not decoded.
struct TargetParts {
  std::string_view path;
  std::string_view query;
};

// invalid_request for a target that is no path, or that hides a NUL byte.
Result<TargetParts> split_target(std::string_view target);

// name=value pairs, decoded ('+' is a space); the last one of a repeated name counts.
std::map<std::string, std::string, std::less<>> parse_query(std::string_view query);

}  // namespace isa::net
