#include "agent/etag.h"

#include <charconv>

namespace isa::agent {

std::string etag_of(std::int64_t version) {
  return fmt::format("\"{}\"", version);
}

Result<std::optional<std::int64_t>> if_match(const net::Request& request) {
  auto text = request.headers.get("If-Match");
  if (text.empty() || text == "*") return std::nullopt;
  const auto sent = text;
  if (text.starts_with("W/")) text.remove_prefix(2);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  std::int64_t version = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), version);
  if (ec != std::errc() || end != text.data() + text.size())
    return invalid_request("the header If-Match must hold a version such as \"3\", not {}", sent);
  return version;
}

Result<std::int64_t> version_in(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (ec != std::errc() || end != text.data() + text.size())
    return not_found("there is no version '{}'", text);
  return number;
}

net::Response versioned(const json::value& body, std::int64_t version) {
  auto response = net::Response::json(200, body);
  response.headers.set("ETag", etag_of(version));
  return response;
}

}  // namespace isa::agent
