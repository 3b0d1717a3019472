#include "cloud_os/egress/proxy_request.h"

#include "net/text.h"

#include <algorithm>
#include <array>

namespace isa::cloud_os {
namespace {

constexpr std::uint16_t kHttp = 80;
constexpr std::uint16_t kHttps = 443;

// host, or host:port.
Result<EgressTarget> parse_authority(std::string_view text, std::uint16_t usual_port) {
  EgressTarget target;
  const auto colon = text.find(':');
  auto host = net::normal_host(text.substr(0, colon));
  if (!host) return invalid_request("{}", host.error().message()).with_code("bad_host");
  target.host = *std::move(host);
  target.port = usual_port;
  if (colon == std::string_view::npos) return target;
  const auto port = net::parse_port_number(text.substr(colon + 1));
  if (!port) return invalid_request("'{}' names no port from 1 to 65535", text).with_code("bad_host");
  target.port = *port;
  return target;
}

// A client of HTTP/1.0 sends none.
Result<void> check_host(const net::Request& request, const EgressTarget& target, std::uint16_t usual_port) {
  if (!request.headers.has("Host")) return ok();
  const auto host = parse_authority(request.headers.get("Host"), usual_port);
  const bool agrees = host && host->host == target.host && host->port == target.port;
  if (agrees) return ok();
  return invalid_request("the request is for {}, but its Host header says '{}'", target.to_string(),
                         request.headers.get("Host"))
      .with_code("host_mismatch");
}

constexpr std::array<std::string_view, 12> kOfTheConnection = {
    "Connection", "Keep-Alive", "Proxy-Authenticate", "Proxy-Authorization", "Proxy-Connection", "TE",
    "Trailer",    "Upgrade",    "Transfer-Encoding",  "Content-Length",      "Expect",           "Host"};

bool is_listed(std::string_view name, std::string_view list) {
  while (!list.empty())
    if (net::equals_ignoring_case(net::trim(net::take_until(list, ',')), name)) return true;
  return false;
}

// A sender may say it in several Connection lines.
bool is_of_the_connection(std::string_view name, const net::Headers& headers) {
  return std::ranges::any_of(headers.all(), [&](const auto& header) {
    return net::equals_ignoring_case(header.first, "Connection") && is_listed(name, header.second);
  });
}

net::Headers without_connection(const net::Headers& headers) {
  net::Headers kept;
  for (const auto& [name, value] : headers.all()) {
    const bool is_own = std::ranges::any_of(
        kOfTheConnection, [&](std::string_view own) { return net::equals_ignoring_case(own, name); });
    if (!is_own && !is_of_the_connection(name, headers)) kept.add(name, value);
  }
  return kept;
}

}  // namespace

Result<EgressTarget> tunnel_target(const net::Request& request) {
  const auto colon = request.target.rfind(':');
  if (colon == std::string::npos)
    return invalid_request("CONNECT needs host:port, not '{}'", request.target).with_code("bad_host");
  ISA_TRY(auto target, parse_authority(request.target, 0));
  if (request.headers.has("Content-Length") || request.headers.has("Transfer-Encoding"))
    return invalid_request("a CONNECT has no body").with_code("bad_framing");
  // Clients send host:port there; some send the name alone.
  ISA_TRYV(check_host(request, target, target.port));
  return target;
}

Result<PlainTarget> plain_target(const net::Request& request) {
  constexpr std::string_view kPlain = "http://", kSecure = "https://";
  std::string_view rest = request.target;
  PlainTarget target;
  target.use_tls = net::equals_ignoring_case(rest.substr(0, kSecure.size()), kSecure);
  if (!target.use_tls && !net::equals_ignoring_case(rest.substr(0, kPlain.size()), kPlain))
    return invalid_request("'{}' is neither an http:// nor an https:// URL", rest.substr(0, 100))
        .with_code("bad_target");
  rest.remove_prefix(target.use_tls ? kSecure.size() : kPlain.size());
  const auto usual_port = target.use_tls ? kHttps : kHttp;
  if (rest.find('#') != std::string_view::npos)
    return invalid_request("the target of a request holds no fragment").with_code("bad_target");
  const auto authority = rest.substr(0, rest.find_first_of("/?"));
  ISA_TRY(target.to, parse_authority(authority, usual_port));
  ISA_TRYV(check_host(request, target.to, usual_port));
  rest.remove_prefix(authority.size());
  target.path = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return target;
}

net::Headers headers_outside(const net::Headers& headers) {
  auto kept = without_connection(headers);
  for (const char* claim : {"X-Internal-Service", "X-Internal-Service-Secret"}) kept.remove(claim);
  return kept;
}

net::Headers headers_inside(const net::Headers& headers) {
  return without_connection(headers);
}

}  // namespace isa::cloud_os
