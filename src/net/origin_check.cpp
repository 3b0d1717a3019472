#include "net/origin_check.h"

#include "net/text.h"

namespace isa::net {

bool names_this_machine(std::string_view authority) {
  std::string_view host = authority;
  std::string_view port;
  if (host.starts_with('[')) {
    const auto close = host.find(']');
    if (close == std::string_view::npos) return false;
    port = host.substr(close + 1);
    host = host.substr(0, close + 1);
  } else if (const auto colon = host.find(':'); colon != std::string_view::npos) {
    port = host.substr(colon);
    host = host.substr(0, colon);
  }
  if (!port.empty() &&
      (port.front() != ':' || port.find_first_not_of("0123456789", 1) != std::string_view::npos))
    return false;
  return equals_ignoring_case(host, "localhost") || host == "[::1]" || is_loopback_v4(host);
}

std::optional<Refusal> refuse_foreign_host(const Headers& headers) {
  const auto host = headers.get("Host");
  if (!names_this_machine(host))
    return Refusal{
        421,
        invalid_request("this server answers on this machine only, as localhost or 127.0.0.1, not as '{}'. "
                        "To serve other hosts, listen on another address",
                        host)
            .with_code("foreign_host")};
  const auto origin = headers.get("Origin");
  if (origin.empty()) return std::nullopt;
  const auto scheme = origin.find("://");
  if (scheme != std::string_view::npos && names_this_machine(origin.substr(scheme + 3))) return std::nullopt;
  return Refusal{
      403, insufficient_permissions("requests of web pages from '{}' are refused by this server", origin)
               .with_code("foreign_origin")};
}

}  // namespace isa::net
