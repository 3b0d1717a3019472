// The token endpoint of an authorization server: how it is asked, and how its answer is read (RFC 6749,
// sections 2.3.1 and 5). For the client that a person sits at (authorization.h) and for the broker, which
// renews tokens outside of sandboxes.
#pragma once

#include "base/json.h"
#include "net/client.h"

#include <chrono>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace isa::sdk::mcp {

// Client credentials, which are worth something at one authorization server only.
struct OauthClient {
  std::string issuer;  // Of which they are; empty: of whichever is asked first.
  std::string id;
  std::string secret;       // Empty for a public client.
  std::string auth_method;  // none, client_secret_basic, client_secret_post; empty: what the server supports.
};

using FormFields = std::vector<std::pair<std::string, std::string>>;
// application/x-www-form-urlencoded, without the fields that are empty.
std::string form_of(const FormFields& fields);

// A POST of these fields as that client, whose auth_method is not empty.
net::ClientRequest token_request(std::string target, const OauthClient& client, FormFields fields);

struct TokenAnswer {
  std::string access_token;
  std::optional<std::string> refresh_token;        // Beside a renewal: takes the place of the former.
  std::optional<std::chrono::seconds> expires_in;  // Nothing: the server does not say.
  std::optional<std::string> scope;
};

// Nothing of what the server sent stands in an error but its code, and that only where it is one: it may have
// repeated what it was sent. Errors: unauthorized with the server's code (invalid_grant, invalid_client, ...)
// where asking again is of no use; upstream_error with its code, status_<n> or bad_token_answer otherwise.
Result<TokenAnswer> parse_token_answer(int status, std::string_view body);

}  // namespace isa::sdk::mcp
