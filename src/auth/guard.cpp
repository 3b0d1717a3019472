#include "auth/guard.h"

#include "net/text.h"

#include <sodium/utils.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace isa::auth {
namespace {

constexpr std::size_t kUserIdMax = 128;
constexpr std::string_view kKeyPrefix = "isa_";

bool equals_secretly(std::string_view given, std::string_view secret) {
  return given.size() == secret.size() && sodium_memcmp(given.data(), secret.data(), secret.size()) == 0;
}

bool is_this_machine(std::string_view peer) {
  return peer == "unix" || peer == "::1" || net::is_loopback_v4(peer);
}

// The one value of a header, or nothing. Two of them: whichever a proxy before us looked at, we might take
// the other.
Result<std::optional<std::string_view>> only_value(const net::Headers& headers, std::string_view name) {
  std::optional<std::string_view> found;
  for (const auto& [field, value] : headers.all()) {
    if (!net::equals_ignoring_case(field, name)) continue;
    if (found) return unauthorized("the header {} is there twice; send it once", name);
    found = value;
  }
  return found;
}

Result<std::optional<UserId>> named_user(const net::Headers& headers) {
  ISA_TRY(const auto standard, only_value(headers, "X-User-Id"));
  ISA_TRY(const auto original, only_value(headers, "user-id"));
  if (!standard && !original) return std::nullopt;
  if (standard && original && *standard != *original)
    return unauthorized("X-User-Id and user-id name different users; send one of them");
  const auto name = standard ? *standard : *original;
  const bool is_valid = !name.empty() && name.size() <= kUserIdMax &&
                        std::ranges::all_of(name, [](char c) { return c > ' ' && c < 0x7f; });
  if (!is_valid)
    return unauthorized("X-User-Id must be 1 to {} printable characters without spaces", kUserIdMax);
  return UserId(std::string(name));
}

// Nothing when the request does not claim to come from another role.
Result<std::optional<Identity>> internal_identity(const Settings& settings, const net::Headers& headers) {
  ISA_TRY(const auto claim, only_value(headers, "X-Internal-Service"));
  if (!claim || !net::equals_ignoring_case(*claim, "true")) return std::nullopt;
  if (settings.internal_secret.empty())
    return unauthorized(
        "this server has no internal secret; set auth.internal_secret to the same value in every role");
  ISA_TRY(const auto secret, only_value(headers, "X-Internal-Service-Secret"));
  if (!secret || !equals_secretly(*secret, settings.internal_secret))
    return unauthorized(
        "X-Internal-Service-Secret is missing or wrong; auth.internal_secret must be the same in every role");
  ISA_TRY(auto user, named_user(headers));
  Identity identity;
  identity.user = user ? std::move(*user) : UserId("internal-service");
  identity.is_internal = true;
  return identity;
}

struct Credential {
  std::string text;
  bool is_key = false;
};

Result<std::optional<Credential>> credential_of(const net::Headers& headers) {
  ISA_TRY(const auto authorization, only_value(headers, "Authorization"));
  ISA_TRY(const auto key, only_value(headers, "X-API-Key"));
  if (key && authorization)
    return unauthorized("the request has both Authorization and X-API-Key; send one of them");
  if (key) return Credential{std::string(net::trim(*key)), true};
  if (!authorization) return std::nullopt;
  std::string_view rest = *authorization;
  const auto scheme = net::take_until(rest, ' ');
  const auto token = net::trim(rest);
  if (!net::equals_ignoring_case(scheme, "Bearer") || token.empty())
    return unauthorized("the Authorization header must be: Bearer, a space, and a token or an API key");
  return Credential{std::string(token), token.starts_with(kKeyPrefix)};
}

// Three parts with dots between them, the first of which begins as every JSON object does in base64url: a
// token that somebody issued (RFC 7519).
bool is_token(std::string_view text) {
  return text.starts_with("eyJ") && std::ranges::count(text, '.') == 2;
}

// What people write where a client library insists on a key. A key of ours or a token is none: whoever sends
// one expects that it is verified.
bool is_placeholder(const Credential& credential) {
  return !credential.text.starts_with(kKeyPrefix) && !is_token(credential.text);
}

struct Policy {
  Settings settings;
  AuthClient* auth = nullptr;
  PlaceholderKeys placeholders = PlaceholderKeys::refused;

  bool ignores(const Credential& credential, const net::Request& request) const {
    return placeholders == PlaceholderKeys::ignored && auth == nullptr && settings.trust_user_header &&
           is_this_machine(request.peer) && is_placeholder(credential);
  }
};

Result<Identity> trusted_identity(const Settings& settings, const net::Request& request) {
  ISA_TRY(auto user, named_user(request.headers));
  if (!user)
    return unauthorized("who asks? Send Authorization: Bearer with a token or an API key{}",
                        settings.trust_user_header ? ", or X-User-Id with your name" : "");
  if (!settings.trust_user_header)
    return unauthorized(
        "X-User-Id proves nothing here: send a token or an API key, or set auth.trust_user_header while "
        "every listener is on loopback");
  if (!is_this_machine(request.peer))
    return unauthorized("X-User-Id is believed only from the server's own machine");
  Identity identity;
  identity.user = std::move(*user);
  return identity;
}

// Of a request whose key says nothing: whom it names, or the one who sits at this machine.
Result<Identity> local_identity(const net::Request& request) {
  ISA_TRY(auto user, named_user(request.headers));
  Identity identity;
  identity.user = user ? std::move(*user) : UserId(std::string(kLocalUser));
  return identity;
}

Task<Result<Identity>> identify(std::shared_ptr<const Policy> policy, const net::Request& request) {
  ISA_CO_TRY(auto internal, internal_identity(policy->settings, request.headers));
  if (internal) co_return std::move(*internal);
  ISA_CO_TRY(auto credential, credential_of(request.headers));
  if (!credential) co_return trusted_identity(policy->settings, request);
  if (policy->ignores(*credential, request)) co_return local_identity(request);
  if (policy->auth == nullptr)
    co_return unauthorized(
        "no auth service is configured, so no token or API key can be verified: leave the credential "
        "out and send X-User-Id (auth.trust_user_header), or configure an auth service");
  auto& auth = *policy->auth;
  if (credential->is_key) co_return co_await auth.verify_api_key(std::move(credential->text), request.peer);
  co_return co_await auth.verify_token(std::move(credential->text));
}

}  // namespace

net::Guard make_guard(Settings settings, AuthClient* auth, PlaceholderKeys placeholders) {
  auto policy = std::make_shared<const Policy>(std::move(settings), auth, placeholders);
  return [policy = std::move(policy)](const net::Request& request) { return identify(policy, request); };
}

}  // namespace isa::auth
