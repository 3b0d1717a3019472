// Secrets that are access tokens: what says how they are renewed, and what of it is sealed.
#pragma once

#include "base/json.h"
#include "cloud_os/egress/rules.h"
#include "cloud_os/secrets/key.h"
#include "store/secret.h"

namespace isa::cloud_os {

// `oauth` of the body of PUT /api/v1/secrets/{name}.
struct OauthDefinition {
  std::string token_url;
  std::string client_id;
  std::optional<std::string> client_secret;
  std::optional<store::OauthClientAuth> auth_method;  // Without it: basic with a client_secret, else none.
  std::optional<store::OauthGrantType> grant;         // Without it: refresh_token.
  std::optional<std::string> refresh_token;
  std::optional<std::string> scope;
  std::optional<std::string> resource;
  std::optional<Timestamp> expires_at;  // Of the value.
};
BOOST_DESCRIBE_STRUCT(OauthDefinition, (),
                      (token_url, client_id, client_secret, auth_method, grant, refresh_token, scope,
                       resource, expires_at))

// validation_error that names the field and holds nothing confidential. `has_value`: a token is given with
// it.
Result<void> check_oauth(const OauthDefinition& definition, bool has_value);
// Of a definition that was checked.
store::SecretOauth oauth_of(const OauthDefinition& definition, bool has_value, Timestamp now);

struct TokenUrl {
  EgressTarget to;
  std::string target;  // Path and query.
};
// https:// of a name: no address in numbers, no user, no fragment.
Result<TokenUrl> parse_token_url(std::string_view text);

// What is confidential, as one text to be sealed.
struct TokenMaterial {
  using json_defaults = void;
  std::string access_token;  // Empty: none yet.
  std::string refresh_token;
  std::string client_secret;
};
BOOST_DESCRIBE_STRUCT(TokenMaterial, (), (access_token, refresh_token, client_secret))
Confidential write_material(const TokenMaterial& material);
Result<TokenMaterial> read_material(const Confidential& text);

// Whether there is a token that may be sent; one of which nobody knows when it ends may be.
bool is_usable(const store::SecretOauth& oauth, Timestamp now);
// Whether it is time for the next token: `margin` before the end of this one, or, of a short life, half of
// it.
bool is_due(const store::SecretOauth& oauth, Timestamp now, std::chrono::milliseconds margin);

}  // namespace isa::cloud_os
