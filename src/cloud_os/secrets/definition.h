#pragma once

#include "base/json.h"
#include "base/result.h"
#include "cloud_os/secrets/oauth.h"
#include "store/secret.h"

namespace isa::cloud_os {

// The body of PUT /api/v1/secrets/{name}. `header` or `env`, not both, decides the kind.
struct SecretDefinition {
  std::optional<std::string> value;  // May be missing where `oauth` says how to get it.
  std::vector<std::string> hosts;
  std::optional<std::string> header;
  std::optional<std::string> env;
  std::optional<std::vector<std::string>> methods;
  std::optional<std::string> path_prefix;
  std::optional<OrgId> org_id;
  std::optional<OauthDefinition> oauth;  // The value is an access token, and is renewed so.
};
BOOST_DESCRIBE_STRUCT(SecretDefinition, (), (value, hosts, header, env, methods, path_prefix, org_id, oauth))

// Bytes; what is shorter cannot be found again to take it out of answers.
inline constexpr std::size_t kSecretValueMin = 8;
inline constexpr std::size_t kSecretValueMax = 16 << 10;

// validation_error that names the field and never holds the value.
Result<void> check_secret(const std::string& name, const SecretDefinition& definition);

struct HeaderTemplate {
  std::string name;
  std::string before;
  std::string after;
};
// "Authorization: Bearer {}"
Result<HeaderTemplate> parse_header_template(std::string_view text);

}  // namespace isa::cloud_os
