// For tests: an authorization server on loopback that gives tokens by the published formats, and a door
// beside it that opens to the token of now alone. What it answers otherwise is a test's to say.
#pragma once

#include "cloud_os/egress/test_stage.h"
#include "sdk/mcp/authorization.h"

#include <filesystem>
#include <fstream>

namespace isa::cloud_os::testing {

inline constexpr std::string_view kTokenUrl = "https://auth.test/token";

class Authority {
 public:
  // The stage knows it as auth.test and as mcp.test from here on.
  static Task<std::unique_ptr<Authority>> open(Stage& stage) {
    auto made = std::make_unique<Authority>(co_await asio::this_coro::executor, stage.folder);
    for (const char* name : {"auth.test", "mcp.test"})
      stage.settings.egress_hosts.push_back(fmt::format("{}=127.0.0.1:{}", name, made->port_));
    const auto both = stage.folder / "both.crt";
    std::ofstream(both) << std::ifstream(stage.certificate.certificate).rdbuf()
                        << std::ifstream(made->certificate_.certificate).rdbuf();
    stage.settings.egress_ca = both;
    co_await stage.reopen();
    stage.allow({"mcp.test"});
    co_return made;
  }

  Authority(asio::any_io_executor executor, const TempFolder& folder)
      : certificate_(net::make_certificate(folder, "auth.test", "DNS:auth.test,DNS:mcp.test")),
        acceptor_(net::make_tls_acceptor(certificate_).value()),
        server_(executor, routes(), {.name = "authority"}) {
    port_ = server_.listen(net::Endpoint::tcp("127.0.0.1", 0), acceptor_.get()).value().port;
  }
  Task<void> stop() { return server_.stop(); }

  struct Question {
    sdk::mcp::QueryFields fields;
    std::string authorization;
  };
  std::vector<Question> asked;              // Of the token endpoint.
  std::vector<std::string> seen;            // Bodies that came to the door, let in or not.
  std::string token = "access-token-0000";  // The one that opens the door.
  std::string refresh_token = "refresh-token-0000";
  std::optional<std::int64_t> lifetime = 3600;
  bool opens = true;                         // The door, to anybody.
  std::optional<net::Response> instead;      // Of every answer of the token endpoint.
  std::function<Task<void>()> before_token;  // Runs before the token endpoint answers.
  std::function<Task<void>()> at_door;       // And before the door does.

  // Every token and refresh token that there was.
  std::vector<std::string> texts;

 private:
  net::Router routes() {
    net::RouteOptions options;
    options.is_public = true;
    options.body_max = 16 << 20;
    const auto door = [this](net::Request& request) { return knock(request); };
    const auto tokens = [this](net::Request& request) { return give(request); };
    return net::Router({{net::Method::post, "/token", tokens, options},
                        {net::Method::get, "/{path...}", door, options},
                        {net::Method::post, "/{path...}", door, options}});
  }

  Task<Result<net::Response>> give(net::Request& request) {
    asked.push_back({sdk::mcp::parse_query(request.body), std::string(request.headers.get("Authorization"))});
    const auto number = asked.size();
    if (before_token) co_await before_token();
    if (instead) co_return *instead;
    auto& fields = asked.at(number - 1).fields;
    const bool is_refresh = fields["grant_type"] == "refresh_token";
    if (is_refresh && fields["refresh_token"] != refresh_token)
      co_return net::Response::json(
          400,
          {{"error", "invalid_grant"}, {"error_description", "no such token: " + fields["refresh_token"]}});
    token = fmt::format("access-token-{:04}", number);
    texts.push_back(token);
    json::object answer{{"access_token", token}, {"token_type", "Bearer"}};
    if (lifetime) answer["expires_in"] = *lifetime;
    if (is_refresh) {
      refresh_token = fmt::format("refresh-token-{:04}", number);
      texts.push_back(refresh_token);
      answer["refresh_token"] = refresh_token;
    }
    co_return net::Response::json(200, answer);
  }

  Task<Result<net::Response>> knock(net::Request& request) {
    seen.push_back(request.body);
    if (at_door) co_await at_door();
    if (!opens || request.headers.get("Authorization") != "Bearer " + token) {
      auto answer = net::Response::text(401, "text/plain", "who are you?");
      answer.headers.set("WWW-Authenticate", "Bearer error=\"invalid_token\"");
      co_return answer;
    }
    co_return co_await echo(request);
  }

  net::TlsFiles certificate_;
  std::unique_ptr<net::TlsAcceptor> acceptor_;
  net::Server server_;
  std::uint16_t port_ = 0;
};

template <class Use>
Task<void> with_authority_on(Stage& stage, Use use) {
  const auto authority = co_await Authority::open(stage);
  std::exception_ptr failure;
  try {
    co_await use(stage, *authority);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await authority->stop();
  if (failure) std::rethrow_exception(failure);
}

template <class Use>
void with_authority(Use use) {
  on_stage([use](Stage& stage) { return with_authority_on(stage, use); });
}

}  // namespace isa::cloud_os::testing
