#include "cloud_os/secrets/oauth.h"

#include "sdk/mcp/authorization.h"

#include <algorithm>

namespace isa::cloud_os {
namespace {

using store::OauthClientAuth;
using store::OauthGrantType;

constexpr std::size_t kUrlMax = 2048;
constexpr std::size_t kClientIdMax = 2048;  // May be the URL of a document.
constexpr std::size_t kScopeMax = 4096;
constexpr std::size_t kConfidentialMax = 16 << 10;

Error wrong(std::string_view field, std::string_view rule) {
  const auto pointer = fmt::format("/oauth/{}", field);
  return validation_error("{}: {}", pointer, rule).with_param(pointer);
}

bool is_line(const std::string& text, std::size_t max) {
  return !text.empty() && text.size() <= max &&
         std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

Result<void> check_line(const std::optional<std::string>& text, std::string_view field, std::size_t max) {
  if (text && !is_line(*text, max))
    return wrong(field, fmt::format("is 1 to {} characters of ASCII, without a line end", max));
  return ok();
}

OauthGrantType grant_of(const OauthDefinition& definition) {
  return definition.grant.value_or(OauthGrantType::refresh_token);
}

OauthClientAuth auth_of(const OauthDefinition& definition) {
  return definition.auth_method.value_or(definition.client_secret ? OauthClientAuth::client_secret_basic
                                                                  : OauthClientAuth::none);
}

Result<void> check_grant(const OauthDefinition& definition, bool has_value) {
  if (grant_of(definition) == OauthGrantType::refresh_token && !definition.refresh_token)
    return wrong("refresh_token", "without it only the grant client_credentials gets a token");
  if (grant_of(definition) == OauthGrantType::client_credentials) {
    if (definition.refresh_token) return wrong("refresh_token", "client_credentials has none");
    if (!definition.client_secret) return wrong("client_secret", "client_credentials needs one");
  }
  if (definition.client_secret.has_value() == (auth_of(definition) == OauthClientAuth::none))
    return wrong("auth_method", definition.client_secret ? "none sends no client_secret; leave that out"
                                                         : "needs a client_secret");
  if (definition.expires_at && !has_value) return wrong("expires_at", "is of the `value`, which is missing");
  return ok();
}

}  // namespace

Result<void> check_oauth(const OauthDefinition& definition, bool has_value) {
  if (auto url = parse_token_url(definition.token_url); !url)
    return wrong("token_url", url.error().message());
  ISA_TRYV(check_line(definition.client_id, "client_id", kClientIdMax));
  ISA_TRYV(check_line(definition.client_secret, "client_secret", kConfidentialMax));
  ISA_TRYV(check_line(definition.refresh_token, "refresh_token", kConfidentialMax));
  ISA_TRYV(check_line(definition.scope, "scope", kScopeMax));
  ISA_TRYV(check_line(definition.resource, "resource", kUrlMax));
  return check_grant(definition, has_value);
}

store::SecretOauth oauth_of(const OauthDefinition& definition, bool has_value, Timestamp now) {
  store::SecretOauth oauth;
  oauth.token_url = definition.token_url;
  oauth.client_id = definition.client_id;
  oauth.auth_method = auth_of(definition);
  oauth.grant = grant_of(definition);
  oauth.scope = definition.scope;
  oauth.resource = definition.resource;
  if (has_value) oauth.obtained_at = now;
  oauth.expires_at = definition.expires_at;
  return oauth;
}

Result<TokenUrl> parse_token_url(std::string_view text) {
  const bool is_clean = text.size() <= kUrlMax && text.find('#') == std::string_view::npos &&
                        std::ranges::all_of(text, [](char c) { return c > 0x20 && c <= 0x7e; });
  if (!is_clean) return validation_error("is an https:// URL of at most {} characters", kUrlMax);
  ISA_TRY(const auto url, sdk::mcp::parse_web_url(text));
  if (!url.endpoint.tls || url.endpoint.port == 0) return validation_error("'{}' is no https:// URL", text);
  TokenUrl parsed;
  ISA_TRY(parsed.to.host, net::normal_host(url.endpoint.host));
  parsed.to.port = url.endpoint.port;
  parsed.target = url.target();
  return parsed;
}

Confidential write_material(const TokenMaterial& material) {
  return Confidential(json::serialize(json::write(material)));
}

Result<TokenMaterial> read_material(const Confidential& text) {
  auto material = json::parse_as<TokenMaterial>(text.text());
  // What the reader would say of it may be a piece of it.
  if (!material) return internal_error("what was sealed of a token cannot be read");
  return material;
}

bool is_usable(const store::SecretOauth& oauth, Timestamp now) {
  return oauth.obtained_at && (!oauth.expires_at || now < *oauth.expires_at);
}

bool is_due(const store::SecretOauth& oauth, Timestamp now, std::chrono::milliseconds margin) {
  if (!oauth.obtained_at) return true;
  if (!oauth.expires_at) return false;
  // How long one lives is known of those alone that came by a renewal.
  if (oauth.renewals > 0)
    margin = std::clamp((*oauth.expires_at - *oauth.obtained_at) / 2, std::chrono::milliseconds(0), margin);
  return now >= *oauth.expires_at - margin;
}

}  // namespace isa::cloud_os
