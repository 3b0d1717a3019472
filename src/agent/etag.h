#pragma once

#include "net/http.h"

#include <cstdint>
#include <optional>

namespace isa::agent {

// The version of an object as its ETag: "3".
std::string etag_of(std::int64_t version);
// The version that If-Match asks for: 3, "3" or W/"3"; nothing when there is no such header, or it is *. An
// entity tag that was never one of ours is an invalid_request.
Result<std::optional<std::int64_t>> if_match(const net::Request& request);

// The version that a path names; not_found when it is no number.
Result<std::int64_t> version_in(std::string_view text);

// A JSON answer with the object's ETag.
net::Response versioned(const json::value& body, std::int64_t version);

}  // namespace isa::agent
