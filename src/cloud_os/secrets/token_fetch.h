#pragma once

#include "cloud_os/egress/destinations.h"
#include "cloud_os/secrets/oauth.h"
#include "cloud_os/semaphore.h"
#include "net/client.h"
#include "sdk/mcp/token_endpoint.h"

namespace isa::cloud_os {

// Asks a token endpoint. Its address was written by a user, and gets what everything that leaves for a
// sandbox gets: the name is looked up and checked here, the address that was checked is connected to, TLS is
// verified, and no redirect is followed. Lives on one event loop.
class TokenFetch {
 public:
  TokenFetch(asio::any_io_executor executor, Destinations& destinations, net::TlsConnector& tls);

  // Errors: those of parse_token_answer(), and of not getting there: insufficient_permissions for an address
  // that is not allowed, upstream_error, service_unavailable, timeout.
  Task<Result<sdk::mcp::TokenAnswer>> ask(TokenUrl at, net::ClientRequest request, Deadline deadline);

 private:
  Task<Result<sdk::mcp::TokenAnswer>> exchange(TokenUrl at, net::ClientRequest request, Deadline deadline);

  Destinations& destinations_;
  net::TlsConnector& tls_;
  Semaphore lookups_;
};

}  // namespace isa::cloud_os
