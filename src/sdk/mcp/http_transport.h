// An MCP server at an address: one POST for each message, answered by JSON or by a stream of events
// (Streamable HTTP, revisions 2026-07-28 and 2025-11-25).
#pragma once

#include "net/client.h"
#include "sdk/mcp/transport.h"

#include <functional>
#include <string>

namespace isa::sdk::mcp {

struct HttpServer {
  std::string name;           // For errors.
  net::Endpoint to;           // The server, or a proxy that leads to `origin`.
  std::string origin;         // See net::ClientRequest::origin; empty without a proxy.
  std::string target = "/";   // Path and query.
  std::string secret;         // Named where the server asks for credentials. May be empty.
  net::Headers headers = {};  // Sent with every request.
  // Gets a token for the server, which answered 401, or 403 for want of a scope, with this WWW-Authenticate;
  // the call is then made again (authorization.h). Empty where others add credentials.
  std::function<Task<Result<std::string>>(std::string www_authenticate)> authorize = {};
  // Keeps a stream open for what a legacy server asks outside of a call (2025-11-25, "Listening for Messages
  // from the Server"). Of use only to a client that declares capabilities: others are asked nothing.
  bool listens = false;
};

// `client` outlives the transport.
std::unique_ptr<Transport> make_http_transport(const asio::any_io_executor& executor, net::Client& client,
                                               HttpServer server);

}  // namespace isa::sdk::mcp
