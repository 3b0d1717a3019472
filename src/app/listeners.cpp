#include "app/listeners.h"

#include "app/contracts.h"
#include "auth/guard.h"
#include "net/contract_routes.h"

#include <cstdio>
#include <filesystem>
#include <fstream>

#include <unistd.h>

namespace isa::app {
namespace {

std::string configured_address(const AppSettings& settings, const std::string& role) {
  if (role == "agent") return settings.agent_listen;
  if (role == "pool") return settings.pool_listen;
  if (role == "cloud_os") return settings.cloud_os_listen;
  return settings.model_listen;
}

auth::Settings with_secret(auth::Settings settings, std::string secret) {
  settings.internal_secret = std::move(secret);
  return settings;
}

}  // namespace

Result<net::Endpoint> listen_endpoint(const PlatformConfig& config, const std::string& role) {
  auto endpoint = net::Endpoint::parse_listen(configured_address(config.app, role));
  if (!endpoint) return validation_error("{}.listen: {}", role, endpoint.error().message());
  return endpoint;
}

Result<void> check_exposure(const PlatformConfig& config, const std::vector<std::string>& roles) {
  for (const auto& role : roles) {
    ISA_TRY(const auto endpoint, listen_endpoint(config, role));
    if (endpoint.is_loopback() || !config.auth.trust_user_header) continue;
    return validation_error(
        "{}.listen is {}, which other machines can reach, while auth.trust_user_header lets anybody be "
        "anyone by a "
        "header; listen on 127.0.0.1, or set auth.trust_user_header=false",
        role, endpoint.to_string());
  }
  if (roles.size() == 1 && config.auth.internal_secret.empty()) {
    return validation_error(
        "a role that runs alone needs auth.internal_secret, the same for all of them, to be known by the "
        "others; "
        "set ISA_AUTH_INTERNAL_SECRET");
  }
  return ok();
}

Listeners::Listeners(const PlatformConfig& config, std::string internal_secret)
    : config_(config),
      guard_(auth::make_guard(with_secret(config.auth, internal_secret), nullptr)),
      model_guard_(auth::make_guard(with_secret(config.auth, std::move(internal_secret)), nullptr,
                                    auth::PlaceholderKeys::ignored)) {}

Result<std::unique_ptr<Listeners>> Listeners::make(const PlatformConfig& config,
                                                   const std::vector<std::string>& roles,
                                                   std::string internal_secret) {
  std::unique_ptr<Listeners> made(new Listeners(config, std::move(internal_secret)));
  for (const auto& role : roles) {
    ISA_TRY(const auto endpoint, listen_endpoint(config, role));
    made->is_loopback_only_ = made->is_loopback_only_ && endpoint.is_loopback();
  }
  if (!config.app.tls_key.empty()) {
    const net::TlsFiles files{config.app.tls_certificate, config.app.tls_key};
    ISA_TRY(made->tls_, net::make_tls_acceptor(files));
  }
  for (const auto& role : roles) {
    ISA_TRY(const auto endpoint, listen_endpoint(config, role));
    auto socket = net::ListeningSocket::open(endpoint);
    if (!socket)
      return make_error(socket.error().kind(), "{} ({}.listen)", socket.error().message(), role)
          .with_detail(socket.error().detail());
    made->sockets_.emplace(role, *std::move(socket));
  }
  return made;
}

Task<Result<std::unique_ptr<net::Server>>> Listeners::serve(std::string role, net::Router router,
                                                            net::HealthCheck health) {
  net::ServiceInfo info;
  info.role = role;
  info.version = ISA_VERSION;
  info.health = std::move(health);
  info.metrics_page = [this] { return metrics_.page(); };
  info.metrics_token = config_.app.metrics_token;
  net::add_service_routes(router, std::move(info));
  net::add_contract_routes(router, contract_file(role + ".openapi.yaml"), contract_file("common.yaml"));
  net::ServerOptions options;
  options.name = role;
  options.guard = role == "model" ? model_guard_ : guard_;
  options.loopback_hosts_only = is_loopback_only_;
  options.observer = metrics_.http_observer(role);
  auto server = std::make_unique<net::Server>(co_await asio::this_coro::executor, std::move(router),
                                              std::move(options));
  auto socket = std::move(sockets_.extract(role).mapped());
  auto* const tls = socket.endpoint().is_unix() ? nullptr : tls_.get();
  ISA_CO_TRY(endpoints_[role], server->listen(std::move(socket), tls));
  co_return server;
}

std::string url_of(const net::Endpoint& endpoint, bool is_tls) {
  if (endpoint.is_unix()) return "unix:" + endpoint.unix_path;
  return fmt::format("{}://{}", is_tls ? "https" : "http", endpoint.to_string());
}

Result<void> write_endpoints(const std::string& data_dir, const Endpoints& endpoints, bool is_tls) {
  json::object content{{"pid", getpid()}};
  for (const auto& [role, endpoint] : endpoints) content[role] = url_of(endpoint, is_tls);
  const auto path = data_dir + "/endpoints.json", unfinished = path + ".new";
  std::ofstream(unfinished) << json::serialize(content) << "\n";
  std::error_code ec;
  std::filesystem::rename(unfinished, path, ec);  // Readers see the whole file or none.
  if (ec) return service_unavailable("cannot write {}; is the disk full?", path).with_detail(ec.message());
  return ok();
}

void remove_endpoints(const std::string& data_dir) {
  std::error_code ignored;  // A leftover file names a process that is gone; the next start replaces it.
  std::filesystem::remove(data_dir + "/endpoints.json", ignored);
}

}  // namespace isa::app
