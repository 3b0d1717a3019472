#pragma once

#include "base/signal.h"
#include "net/server.h"
#include "sdk/mcp/authorization.h"

#include <optional>
#include <string>

namespace isa::app {

// Where an authorization server sends a browser back to, with what a person decided: a port of this machine
// that is free right now (RFC 8252, section 7.3). Lives on one event loop; await stop() before it is
// destroyed.
class SignInCallback {
 public:
  explicit SignInCallback(asio::any_io_executor executor);

  // The redirect URI.
  Result<std::string> listen();
  // What comes with that state, once; everything else is turned away and waited past. timeout.
  Task<Result<sdk::mcp::QueryFields>> wait(std::string state, Deadline deadline);
  Task<void> stop() { return server_.stop(); }

 private:
  Task<Result<net::Response>> take(net::Request& request);

  std::string state_;  // Empty: nothing is waited for.
  std::optional<sdk::mcp::QueryFields> fields_;
  Signal came_;
  net::Server server_;
};

}  // namespace isa::app
