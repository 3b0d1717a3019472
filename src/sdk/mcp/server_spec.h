// An MCP server as an agent's config describes it: a program in the sandbox, or an address.
#pragma once

#include "base/json.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace isa::sdk::mcp {

struct ServerSpec {
  std::optional<std::string> command;  // A name to look up in PATH, or a path.
  std::optional<std::vector<std::string>> args;
  std::optional<std::map<std::string, std::string>> env;  // Besides what every program of the sandbox gets.
  std::optional<std::string> url;                         // https://host[:port][/path], or http://.
  // The secret (PUT /api/v1/secrets/{name}) with which the broker signs requests to `url`. It is never here.
  std::optional<std::string> headers_secret;

  bool operator==(const ServerSpec&) const = default;
};
BOOST_DESCRIBE_STRUCT(ServerSpec, (), (command, args, env, url, headers_secret))

using ServerSpecs = std::map<std::string, ServerSpec>;

// The parts of ServerSpec::url.
struct ServerUrl {
  bool tls = false;
  std::string host;  // A net::normal_host().
  std::uint16_t port = 0;
  std::string target;  // Path and query, at least "/".

  // "https://host:port"; the port is left out where it is the scheme's own.
  std::string origin() const;
};
// validation_error for anything but http(s)://name[:port][/path][?query] without user name and fragment. The
// host is a name with a dot in it, as in an allow-list (net/host_pattern.h).
Result<ServerUrl> parse_server_url(std::string_view text);

// validation_error whose param is a JSON pointer below `pointer`, e.g. /mcp_servers/files.
Result<void> check_server(const std::string& pointer, const ServerSpec& server);

}  // namespace isa::sdk::mcp
