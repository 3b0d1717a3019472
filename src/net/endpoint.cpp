#include "net/endpoint.h"

#include "net/text.h"

#include <charconv>
#include <optional>

namespace isa::net {
namespace {

constexpr std::size_t kUnixPathMax = 107;

Result<std::string> checked_unix_path(std::string_view path) {
  if (path.empty()) return validation_error("a Unix socket needs a path after 'unix:'");
  if (path.size() > kUnixPathMax)
    return validation_error(
        "the path of the Unix socket '{}' has {} bytes; the system allows {}. Use a shorter folder", path,
        path.size(), kUnixPathMax);
  return std::string(path);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (ec != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return port;
}

struct HostPort {
  std::string host;
  std::optional<std::uint16_t> port;
};

// host, host:port, [v6], [v6]:port
Result<HostPort> parse_host_port(std::string_view text) {
  HostPort out;
  std::string_view rest;
  if (text.starts_with('[')) {
    const auto close = text.find(']');
    if (close == std::string_view::npos)
      return validation_error("'{}' lacks the ']' of its IPv6 address", text);
    out.host = std::string(text.substr(1, close - 1));
    rest = text.substr(close + 1);
  } else {
    const auto colon = text.find(':');
    out.host = std::string(text.substr(0, colon));
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
    if (rest.find(':', 1) != std::string_view::npos)
      return validation_error("'{}': write an IPv6 address in brackets, like [::1]:8080", text);
  }
  if (rest.empty()) return out;
  if (rest.front() == ':') out.port = parse_port(rest.substr(1));
  if (!out.port) return validation_error("'{}' has no valid port (0 to 65535)", text);
  return out;
}

}  // namespace

Result<Endpoint> Endpoint::parse_listen(std::string_view text) {
  if (text.starts_with("unix:")) {
    ISA_TRY(auto path, checked_unix_path(text.substr(5)));
    return unix_socket(std::move(path));
  }
  ISA_TRY(auto parts, parse_host_port(text));
  if (!parts.port) return validation_error("'{}' names no port; write host:port, :port or unix:/path", text);
  return tcp(parts.host.empty() ? "0.0.0.0" : std::move(parts.host), *parts.port);
}

bool Endpoint::is_loopback() const {
  return is_unix() || host == "localhost" || host == "::1" || is_loopback_v4(host);
}

std::string Endpoint::to_string() const {
  if (is_unix()) return "unix:" + unix_path;
  const bool is_v6 = host.find(':') != std::string::npos;
  return fmt::format("{}{}{}:{}", is_v6 ? "[" : "", host, is_v6 ? "]" : "", port);
}

Result<Url> Url::parse(std::string_view text) {
  Url url;
  std::string_view rest = text;
  if (rest.starts_with("unix:")) {
    rest.remove_prefix(5);
    const auto path = take_until(rest, ':');
    ISA_TRY(auto checked, checked_unix_path(path));
    url.endpoint = Endpoint::unix_socket(std::move(checked));
  } else {
    const bool tls = rest.starts_with("https://");
    if (!tls && !rest.starts_with("http://"))
      return validation_error(
          "'{}' is no URL of a service: write http://host[:port], https://host or unix:/path", text);
    rest.remove_prefix(tls ? 8 : 7);
    const auto authority = rest.substr(0, rest.find('/'));
    rest.remove_prefix(authority.size());
    if (authority.find('@') != std::string_view::npos)
      return validation_error("the URL of a service must not hold a user name or a password");
    ISA_TRY(auto parts, parse_host_port(authority));
    if (parts.host.empty()) return validation_error("'{}' names no host", text);
    url.endpoint = Endpoint::tcp(std::move(parts.host), parts.port.value_or(tls ? 443 : 80));
    url.endpoint.tls = tls;
  }
  if (rest.find_first_of("?#") != std::string_view::npos)
    return validation_error("the URL of a service must not hold a query or a fragment: '{}'", text);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (!rest.empty() && !rest.starts_with('/'))
    return validation_error("'{}': what follows the socket's path must start with '/'", text);
  url.prefix = std::string(rest);
  return url;
}

}  // namespace isa::net
