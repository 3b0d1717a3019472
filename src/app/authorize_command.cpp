#include "app/authorize_command.h"

#include "app/secret_commands.h"
#include "app/sign_in_callback.h"
#include "net/host_pattern.h"
#include "net/tls/tls.h"

#include <algorithm>
#include <cstdio>
#include <spawn.h>

#include <fcntl.h>
#include <unistd.h>

namespace isa::app {
namespace {

using sdk::mcp::OauthGrant;
using sdk::mcp::QueryFields;

constexpr auto kAnswerTimeout = std::chrono::seconds(30);
constexpr auto kPersonTimeout = std::chrono::minutes(5);

struct AuthorizeCommand {
  std::string name;
  std::string url;  // Of the MCP server.
  std::optional<std::string> client_id;
  bool has_client_secret = false;  // It comes by standard input.
  std::string client_secret;
  std::vector<std::string> scopes;
  std::optional<std::string> org;
  bool no_browser = false;
};

// host, or host:port: for whom the token is.
Result<std::string> host_of(const std::string& url) {
  ISA_TRY(const auto parts, sdk::mcp::parse_web_url(url));
  if (!parts.endpoint.tls)
    return validation_error("'{}' is no https:// URL, and a token goes to no other", url);
  auto host = parts.endpoint.host;
  if (parts.endpoint.port != 443) host += fmt::format(":{}", parts.endpoint.port);
  ISA_TRY(const auto pattern, net::HostPattern::parse(host));
  return pattern.to_string();
}

// How the server asks for a token: the WWW-Authenticate of its 401.
Task<Result<std::string>> challenge_of(net::Client& http, std::string url) {
  ISA_CO_TRY(const auto parts, sdk::mcp::parse_web_url(url));
  const json::object params{{"protocolVersion", "2025-11-25"},
                            {"capabilities", json::object()},
                            {"clientInfo", {{"name", "isA"}, {"version", ISA_VERSION}}}};
  const json::object hello{{"jsonrpc", "2.0"}, {"id", 1}, {"method", "initialize"}, {"params", params}};
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = parts.target();
  request.headers.set("Content-Type", "application/json");
  request.headers.set("Accept", "application/json, text/event-stream");
  request.body = json::serialize(hello);
  ISA_CO_TRY(auto answer,
             co_await http.open(parts.endpoint, std::move(request), Deadline::after(kAnswerTimeout)));
  if (answer.status == 401) co_return std::string(answer.headers.get("WWW-Authenticate"));
  if (answer.status / 100 == 2) co_return conflict("{} answers without a token: it needs no secret", url);
  co_return upstream_error(
      "{} answered with status {} where a server that wants a token says 401; is it "
      "the address of the MCP server itself?",
      url, answer.status);
}

// What the desktop calls the browser. Nobody waits for it, and it says nothing into this terminal.
void open_browser(const std::string& url) {
  posix_spawn_file_actions_t actions;
  if (::posix_spawn_file_actions_init(&actions) != 0) return;
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    ::posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  std::string program = "xdg-open", address = url;
  char* const arguments[] = {program.data(), address.data(), nullptr};
  pid_t child = 0;
  std::ignore = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments, environ);
  ::posix_spawn_file_actions_destroy(&actions);
}

bool has_desktop() {
  const auto is_set = [](const char* name) {
    const char* value = std::getenv(name);
    return value && *value;
  };
  return is_set("DISPLAY") || is_set("WAYLAND_DISPLAY");
}

Task<Result<QueryFields>> visit(SignInCallback& callback, const AuthorizeCommand& command, std::string url) {
  // It was put together from what a server sent, and goes to a terminal.
  if (!std::ranges::all_of(url, [](char c) { return c > 0x20 && c <= 0x7e; }))
    co_return upstream_error("the authorization server names an address that is none");
  const auto query = url.find('?');
  auto fields = sdk::mcp::parse_query(std::string_view(url).substr(std::min(query + 1, url.size())));
  std::printf("To sign in for %s, open this address:\n\n  %s\n\nWaiting for at most 5 minutes.\n",
              command.url.c_str(), url.c_str());
  std::fflush(stdout);
  if (!command.no_browser && has_desktop()) open_browser(url);
  co_return co_await callback.wait(fields["state"], Deadline::after(kPersonTimeout));
}

Task<Result<OauthGrant>> sign_in(net::Client& http, SignInCallback& callback, const AuthorizeCommand& command,
                                 std::string challenge) {
  sdk::mcp::AuthorizationOptions options;
  ISA_CO_TRY(options.redirect_uri, callback.listen());
  if (command.client_id)
    options.known = sdk::mcp::OauthClient{"", *command.client_id, command.client_secret, ""};
  options.scopes = command.scopes;
  options.visit = [&callback, &command](std::string url) { return visit(callback, command, std::move(url)); };
  sdk::mcp::Authorizer authorizer(http, std::move(options));
  co_return co_await authorizer.ask_grant(command.url, std::move(challenge),
                                          Deadline::after(kPersonTimeout + 2 * kAnswerTimeout));
}

json::object definition_of(const OauthGrant& grant, const std::string& host,
                           const AuthorizeCommand& command) {
  const auto& token = grant.token;
  json::object body{
      {"value", token.access_token}, {"hosts", json::array{host}}, {"header", "Authorization: Bearer {}"}};
  if (command.org) body["org_id"] = *command.org;
  if (!token.refresh_token) return body;
  json::object oauth{{"token_url", grant.token_url},
                     {"client_id", grant.client.id},
                     {"auth_method", grant.client.auth_method},
                     {"grant", "refresh_token"},
                     {"refresh_token", *token.refresh_token},
                     {"resource", grant.resource}};
  if (grant.client.auth_method != "none") oauth["client_secret"] = grant.client.secret;
  if (!grant.scope.empty()) oauth["scope"] = grant.scope;
  if (token.expires_in) oauth["expires_at"] = to_rfc3339(now() + *token.expires_in);
  body["oauth"] = std::move(oauth);
  return body;
}

Task<Result<void>> authorize(ApiClient& api, AuthorizeCommand command) {
  ISA_CO_TRY(const auto host, host_of(command.url));
  // Before somebody signs in for nothing.
  ISA_CO_TRYV(co_await api.call(net::Method::get, secret_path({}, command.org)));
  ISA_CO_TRY(const auto tls, net::make_tls_connector());
  net::Client http({}, tls.get());
  ISA_CO_TRY(auto challenge, co_await challenge_of(http, command.url));
  SignInCallback callback(co_await asio::this_coro::executor);
  const auto grant = co_await sign_in(http, callback, command, std::move(challenge));
  co_await callback.stop();
  if (!grant) co_return Failure(grant.error());
  ISA_CO_TRYV(co_await api.call(net::Method::put, secret_path(command.name, {}),
                                definition_of(*grant, host, command)));
  std::printf("Set %s for %s.\n", command.name.c_str(), host.c_str());
  if (grant->token.refresh_token)
    std::printf("Its token is renewed at %s.\n", grant->token_url.c_str());
  else
    std::printf(
        "The authorization server gave nothing to renew its token with: sign in again when it ends.\n");
  std::printf("Use it in an agent: mcp_servers: {NAME: {url: \"%s\", headers_secret: \"%s\"}}\n",
              command.url.c_str(), command.name.c_str());
  co_return ok();
}

}  // namespace

void add_authorize(CLI::App& secrets, WithAgentService with_cloud_os, std::function<int()>& action) {
  auto* sub =
      secrets.add_subcommand("authorize", "Sign in at an MCP server, and keep a token that is renewed");
  auto command = std::make_shared<AuthorizeCommand>();
  sub->add_option("name", command->name, "What you call the secret")->required();
  sub->add_option("--url", command->url, "Of the MCP server: https://mcp.example.com/mcp")->required();
  auto* id = sub->add_option("--client-id", command->client_id,
                             "A client that you registered there; else one is registered now");
  sub->add_flag("--client-secret-stdin", command->has_client_secret,
                "That client's secret is read from standard input")
      ->needs(id);
  sub->add_option("--scope", command->scopes, "Ask for this instead of what the server names; repeatable");
  sub->add_option("--org", command->org, "For everybody in that organization");
  sub->add_flag("--no-browser", command->no_browser, "Only print the address");
  sub->callback([&action, with_cloud_os = std::move(with_cloud_os), command] {
    action = [with_cloud_os, command] {
      if (command->has_client_secret) {
        auto secret = read_secret_value();
        if (!secret) {
          std::fprintf(stderr, "isa: %s\n", secret.error().message().c_str());
          return 1;
        }
        command->client_secret = *std::move(secret);
      }
      return with_cloud_os([command](ApiClient& api) { return authorize(api, *command); });
    };
  });
}

}  // namespace isa::app
