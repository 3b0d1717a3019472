// What the conformance suite (tests/mcp) does not look at: how its parts are read.
#include "sdk/mcp/authorization.h"

#include "base/testing.h"
#include "net/server.h"

#include <gtest/gtest.h>

namespace isa::sdk::mcp {
namespace {

TEST(Authorization, AChallengeIsReadHoweverItIsWritten) {
  const auto fields = parse_challenge(
      R"(Basic realm="x", Bearer  error=insufficient_scope,scope="a \"b\" c", resource_metadata="https://a.example/p?q=1,2")");
  EXPECT_EQ(fields.at("error"), "insufficient_scope");
  EXPECT_EQ(fields.at("scope"), "a \"b\" c");
  EXPECT_EQ(fields.at("resource_metadata"), "https://a.example/p?q=1,2");
  for (const char* text : {"", "Basic x", "Bearer", "Bearer =", "Bearer a", "Bearer a=\"", "Bearer a=\"\\"})
    EXPECT_LE(parse_challenge(text).size(), 1u) << text;
}

TEST(Authorization, OnlyTlsAndThisMachineAreAsked) {
  EXPECT_TRUE(parse_web_url("https://a.example/x?y=1#z"));
  EXPECT_EQ(parse_web_url("https://a.example/x?y=1#z")->target(), "/x?y=1");
  EXPECT_EQ(parse_web_url("https://a.example")->target(), "/");
  EXPECT_TRUE(parse_web_url("http://127.0.0.1:3000/callback"));
  for (const char* text : {"http://a.example/", "http://127.0.0.1.a.example/", "file:///etc/passwd",
                           "unix:/x", "", "https://u:p@a.example/"})
    EXPECT_FALSE(parse_web_url(text)) << text;
}

TEST(Authorization, WhatComesBackIsDecoded) {
  const auto fields = parse_query("code=a%20b+c&state=&iss=https%3A%2F%2Fa.example&flag");
  EXPECT_EQ(fields.at("code"), "a b c");
  EXPECT_EQ(fields.at("state"), "");
  EXPECT_EQ(fields.at("iss"), "https://a.example");
  EXPECT_EQ(fields.at("flag"), "");
}

// An MCP server and its authorization server in one, on loopback; the person agrees to everything.
class World {
 public:
  explicit World(asio::any_io_executor executor) : server_(std::move(executor), routes(), {.name = "world"}) {
    const auto at = server_.listen(net::Endpoint::tcp("127.0.0.1", 0)).value();
    origin = "http://" + at.to_string();
  }
  Task<void> stop() { return server_.stop(); }

  Task<Result<OauthGrant>> sign_in(AuthorizationOptions options = {}) {
    options.redirect_uri = "http://127.0.0.1:1/callback";
    options.visit = [this](std::string url) { return agree(std::move(url)); };
    Authorizer authorizer(http_, std::move(options));
    co_return co_await authorizer.ask_grant(origin + "/mcp", R"(Bearer scope="read")",
                                            Deadline::after(std::chrono::seconds(30)));
  }

  std::string origin;
  json::object answer{{"access_token", "token-1"}, {"token_type", "Bearer"}};
  json::array scopes_supported;
  json::object registration;  // What the client said of itself.
  QueryFields visited, redeemed;

 private:
  static Task<Result<net::Response>> give(json::object body) { co_return net::Response::json(200, body); }
  Task<Result<QueryFields>> agree(std::string url) {
    visited = parse_query(std::string_view(url).substr(url.find('?') + 1));
    co_return QueryFields{{"state", visited["state"]}, {"code", "code-1"}};
  }
  net::Router routes() {
    net::RouteOptions open;
    open.is_public = true;
    const auto resource = [this](net::Request&) {
      return give({{"resource", origin + "/mcp"}, {"authorization_servers", json::array{origin}}});
    };
    const auto issuer = [this](net::Request&) {
      return give({{"issuer", origin},
                   {"authorization_endpoint", origin + "/authorize"},
                   {"token_endpoint", origin + "/token"},
                   {"registration_endpoint", origin + "/register"},
                   {"scopes_supported", scopes_supported},
                   {"token_endpoint_auth_methods_supported", json::array{"client_secret_post"}},
                   {"code_challenge_methods_supported", json::array{"S256"}}});
    };
    const auto client = [this](net::Request& request) {
      registration = json::parse(request.body)->as_object();
      return give({{"client_id", "client-1"}, {"client_secret", "secret-1"}});
    };
    const auto token = [this](net::Request& request) {
      redeemed = parse_query(request.body);
      return give(answer);
    };
    const std::string well_known = "/.well-known/";
    return net::Router({{net::Method::get, well_known + "oauth-protected-resource/mcp", resource, open},
                        {net::Method::get, well_known + "oauth-authorization-server", issuer, open},
                        {net::Method::post, "/register", client, open},
                        {net::Method::post, "/token", token, open}});
  }

  net::Client http_;
  net::Server server_;
};

template <class Use>
void in_world(Use use) {
  isa::testing::run([](Use& body) -> Task<void> {
    World world(co_await asio::this_coro::executor);
    std::exception_ptr failure;
    try {
      co_await body(world);
    } catch (...) {
      failure = std::current_exception();
    }
    co_await world.stop();
    if (failure) std::rethrow_exception(failure);
  }(use));
}

TEST(Authorization, AGrantHoldsWhatItTakesToRenewItsToken) {
  in_world([](World& world) -> Task<void> {
    world.answer["refresh_token"] = "refresh-1";
    world.answer["expires_in"] = 60;
    const auto grant = co_await world.sign_in();
    if (!grant) throw std::runtime_error(grant.error().message());
    EXPECT_EQ(grant->token.access_token, "token-1");
    EXPECT_EQ(grant->token.refresh_token, "refresh-1");
    EXPECT_EQ(grant->token.expires_in, std::chrono::seconds(60));
    EXPECT_EQ(grant->token_url, world.origin + "/token");
    EXPECT_EQ(grant->client.id, "client-1");
    EXPECT_EQ(grant->client.secret, "secret-1");
    EXPECT_EQ(grant->client.auth_method, "client_secret_post");
    EXPECT_EQ(grant->resource, world.origin + "/mcp");
    EXPECT_EQ(grant->scope, "read");
    EXPECT_EQ(world.registration["grant_types"], (json::array{"authorization_code", "refresh_token"}));
    EXPECT_EQ(world.redeemed["client_secret"], "secret-1");
    EXPECT_EQ(world.redeemed["resource"], world.origin + "/mcp");
  });
}

TEST(Authorization, AccessWithoutThePersonIsAskedForWhereTheServerKnowsIt) {
  in_world([](World& world) -> Task<void> {
    EXPECT_TRUE(co_await world.sign_in());
    EXPECT_EQ(world.visited["scope"], "read");
    EXPECT_FALSE(world.visited.contains("prompt"));
    world.scopes_supported = {"read", "offline_access"};
    world.answer["scope"] = "read offline_access";
    const auto grant = co_await world.sign_in();
    EXPECT_EQ(world.visited["scope"], "read offline_access");
    EXPECT_EQ(world.visited["prompt"], "consent");
    EXPECT_TRUE(grant && grant->scope == "read offline_access");
  });
}

TEST(Authorization, WhatThePersonAsksForCountsMoreThanWhatTheServerNames) {
  in_world([](World& world) -> Task<void> {
    AuthorizationOptions options;
    options.scopes = {"write", "more"};
    EXPECT_TRUE(co_await world.sign_in(std::move(options)));
    EXPECT_EQ(world.visited["scope"], "write more");
  });
}

TEST(Authorization, AnAnswerThatIsNoTokenIsAnErrorThatRepeatsNothingOfIt) {
  in_world([](World& world) -> Task<void> {
    world.answer = {{"error", "invalid_grant"}, {"error_description", "code-1"}};
    const auto grant = co_await world.sign_in();
    EXPECT_FALSE(grant);
    EXPECT_TRUE(grant.error().message().contains("invalid_grant")) << grant.error().message();
    EXPECT_FALSE(grant.error().message().contains("code-1"));
  });
}

}  // namespace
}  // namespace isa::sdk::mcp
