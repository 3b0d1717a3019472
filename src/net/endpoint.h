#pragma once

#include "base/result.h"

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

namespace isa::net {

// Where a server listens or a client connects: a TCP address or a Unix socket.
struct Endpoint {
  std::string host;  // Empty for a Unix socket.
  std::uint16_t port = 0;
  std::string unix_path;  // At most 107 bytes (struct sockaddr_un).
  bool tls = false;

  static Endpoint tcp(std::string host, std::uint16_t port) { return {std::move(host), port, {}, false}; }
  static Endpoint unix_socket(std::string path) { return {{}, 0, std::move(path), false}; }

  // "127.0.0.1:8080", ":8080", "[::1]:8080", "unix:/run/isa.sock".
  static Result<Endpoint> parse_listen(std::string_view text);

  bool is_unix() const { return !unix_path.empty(); }
  // True when nobody outside this machine can reach it: 127.0.0.0/8, ::1, localhost, a Unix socket.
  bool is_loopback() const;
  std::string to_string() const;
  auto operator<=>(const Endpoint&) const = default;
};

// A base URL of a service: http(s)://host[:port][/prefix] or unix:/path[:/prefix].
struct Url {
  Endpoint endpoint;
  std::string prefix;  // Without trailing slash: "/v1" or empty.
  static Result<Url> parse(std::string_view text);
};

}  // namespace isa::net
