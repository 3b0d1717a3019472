// How a client gets a token for an MCP server: as an OAuth 2.1 client (MCP 2026-07-28 and 2025-11-25,
// "Authorization"). For programs outside of sandboxes: inside there are no tokens, the broker adds them
// (docs/decisions/0013-mcp.md).
#pragma once

#include "base/async.h"
#include "base/deadline.h"
#include "base/json.h"
#include "net/client.h"
#include "sdk/mcp/token_endpoint.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace isa::sdk::mcp {

using QueryFields = std::map<std::string, std::string>;
// Sends a person to `url`, and gives what then comes to the redirect URI.
using Visit = std::function<Task<Result<QueryFields>>(std::string url)>;

struct AuthorizationOptions {
  std::string redirect_uri;             // http://127.0.0.1:<port>/... of whoever waits in `visit`.
  std::optional<OauthClient> known;     // Registered beforehand.
  std::optional<std::string> document;  // URL of this client's metadata document, where there is one.
  Visit visit;
  std::vector<std::string> scopes = {};  // Asked for instead of what the server names; empty: that.
};

// What a person agreed to: a token, and what it takes to get the next one without that person.
struct OauthGrant {
  TokenAnswer token;
  OauthClient client;  // With the method that was used.
  std::string token_url;
  std::string resource;
  std::string scope;  // What was given; what was asked for where the server does not say.
};

// A URL in its parts, as far as OAuth needs them.
struct WebUrl {
  net::Endpoint endpoint;
  std::string origin;  // scheme://authority, as written
  std::string path;    // Without the query; may be empty.
  std::string query;   // Without '?'.
  std::string target() const;
};
// https://, or http:// of this machine. validation_error otherwise.
Result<WebUrl> parse_web_url(std::string_view text);
// key=value&...; decoded.
QueryFields parse_query(std::string_view text);

// The parameters of a Bearer challenge (RFC 6750, section 3). Empty when there is none.
QueryFields parse_challenge(std::string_view www_authenticate);

// Lives on one event loop. `http` outlives it.
class Authorizer {
 public:
  Authorizer(net::Client& http, AuthorizationOptions options) : http_(http), options_(std::move(options)) {}

  // A grant for the server at `url`, which answered with this WWW-Authenticate. The scopes of earlier calls
  // are asked for again, with what is new. A refresh token comes with it where the authorization server gives
  // any (SEP-2207). Errors: unauthorized, with the rule that was broken or what the server said.
  Task<Result<OauthGrant>> ask_grant(std::string url, std::string www_authenticate, Deadline deadline);
  // Its access token alone.
  Task<Result<std::string>> authorize(std::string url, std::string www_authenticate, Deadline deadline);

 private:
  struct Resource {
    std::string id;
    std::string issuer;
    std::vector<std::string> scopes;
  };
  struct Issuer {
    std::string id;
    std::string authorize, token, registration;
    std::vector<std::string> auth_methods;
    std::vector<std::string> scopes;
    bool says_iss = false;
    bool takes_documents = false;
  };

  Task<Result<Resource>> find_resource(const WebUrl& server, const std::string& url,
                                       const QueryFields& challenge, Deadline deadline);
  Task<Result<Issuer>> find_issuer(std::string id, Deadline deadline);
  Task<Result<OauthClient>> client_of(const Issuer& issuer, Deadline deadline);
  Task<Result<OauthClient>> register_at(const Issuer& issuer, Deadline deadline);
  Task<Result<std::string>> ask_person(const Issuer& issuer, const OauthClient& client,
                                       const Resource& resource, const std::string& challenge);
  // What is asked for: what the options, the challenge or the resource say, and once more what was before.
  void choose_scopes(Resource& resource, const QueryFields& challenge, const Issuer& issuer);
  Task<Result<OauthGrant>> redeem(const Issuer& issuer, OauthClient client, const Resource& resource,
                                  std::string code, std::string verifier, Deadline deadline);
  // Nothing when it answered with something other than 200 and JSON.
  Task<Result<std::optional<json::object>>> fetch(std::string url, Deadline deadline);

  net::Client& http_;
  AuthorizationOptions options_;
  std::map<std::string, OauthClient> clients_;             // By issuer.
  std::map<std::string, std::vector<std::string>> asked_;  // Scopes, by resource.
};

}  // namespace isa::sdk::mcp
