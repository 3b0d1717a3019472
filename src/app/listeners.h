// What the servers of all roles share: who may ask, where they listen, TLS, numbers.
#pragma once

#include "app/platform_config.h"
#include "net/metrics/metrics.h"
#include "net/server.h"
#include "net/service_routes.h"
#include "net/tls/tls.h"

#include <map>
#include <memory>
#include <string>

namespace isa::app {

// The bound address of each role that this process serves.
using Endpoints = std::map<std::string, net::Endpoint>;

// Where a role listens by its settings.
Result<net::Endpoint> listen_endpoint(const PlatformConfig& config, const std::string& role);

// Refuses what would let a stranger in: X-User-Id is believed only while every listener is on loopback.
Result<void> check_exposure(const PlatformConfig& config, const std::vector<std::string>& roles);

class Listeners {
 public:
  // Opens the socket of every role, so that a taken or bad address ends a start before anything is begun; the
  // error names the setting. What connects waits for serve(). `internal_secret`: by which the roles know each
  // other.
  static Result<std::unique_ptr<Listeners>> make(const PlatformConfig& config,
                                                 const std::vector<std::string>& roles,
                                                 std::string internal_secret);

  // A server of `router` with the routes that every role has; runs on the calling event loop. Once for each
  // role.
  Task<Result<std::unique_ptr<net::Server>>> serve(std::string role, net::Router router,
                                                   net::HealthCheck health = {});
  const Endpoints& endpoints() const { return endpoints_; }
  const net::Guard& guard() const { return guard_; }
  net::Metrics& metrics() { return metrics_; }

 private:
  Listeners(const PlatformConfig& config, std::string internal_secret);

  const PlatformConfig& config_;
  net::Guard guard_;
  net::Guard model_guard_;  // Of the model service, which clients of other models speak to.
  bool is_loopback_only_ = true;
  net::Metrics metrics_;
  std::unique_ptr<net::TlsAcceptor> tls_;
  std::map<std::string, net::ListeningSocket> sockets_;  // Of the roles that are not served yet.
  Endpoints endpoints_;  // Written while starting, when one loop at a time is asked.
};

// <data_dir>/endpoints.json: how the client commands and tests find the platform.
Result<void> write_endpoints(const std::string& data_dir, const Endpoints& endpoints, bool is_tls);
void remove_endpoints(const std::string& data_dir);
std::string url_of(const net::Endpoint& endpoint, bool is_tls);

}  // namespace isa::app
