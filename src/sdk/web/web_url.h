// URLs of the web as people, pages and redirects write them.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace isa::sdk {

inline constexpr std::size_t kUrlMax = 2000;  // Bytes.

// An absolute http:// or https:// URL.
struct WebUrl {
  std::string text;  // All of it, with what no URL may hold written as %XX, without the fragment.
  bool is_tls = false;
  std::string host;  // As it is written.
  std::uint16_t port = 0;
  std::string path;  // With the query; begins with a slash.

  // validation_error for another scheme, a user name, and what is no URL.
  static Result<WebUrl> parse(std::string_view text);
  // What a reference on that page means (RFC 3986, section 5).
  Result<WebUrl> resolve(std::string_view reference) const;
};

}  // namespace isa::sdk
