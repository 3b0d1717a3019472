#include "cloud_os/secrets/renewal_errors.h"

#include "cloud_os/secrets/oauth.h"

namespace isa::cloud_os {
namespace {

std::string host_of(const store::Secret& secret) {
  const auto url = parse_token_url(secret.oauth->token_url);
  return url ? url->to.to_string() : secret.oauth->token_url;
}

// What whoever owns the secret types to get a new grant. It stands in a line of a shell: the resource came
// from a server, and is named only where it can do no harm there.
std::string remedy(const store::Secret& secret) {
  const auto& oauth = *secret.oauth;
  if (oauth.grant == store::OauthGrantType::client_credentials)
    return fmt::format("look at the client '{}' there, and set the secret again (isa secrets list shows it)",
                       oauth.client_id);
  constexpr std::string_view kHarmless =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/%";
  const bool is_harmless =
      oauth.resource && oauth.resource->find_first_not_of(kHarmless) == std::string::npos;
  auto command = fmt::format("isa secrets authorize {} --url {}", secret.name,
                             is_harmless ? *oauth.resource : "https://" + secret.hosts.front() + "/...");
  if (secret.org_id) command += " --org " + secret.org_id->value();
  return "sign in again: " + command;
}

// Where asking again changes nothing.
bool needs_somebody(const Error& why) {
  switch (why.kind()) {
    case ErrorKind::unauthorized:              // The server says no.
    case ErrorKind::insufficient_permissions:  // Its address is not allowed.
    case ErrorKind::validation_error: return true;
    default: return false;
  }
}

}  // namespace

bool is_for_good(std::string_view code) {
  return code == "invalid_grant" || code == "bad_refresh_token";
}

Error refused_by_server(const std::string& code) {
  return unauthorized("the token endpoint answered {}", code).with_code(code);
}

Error renewal_failed(const store::Secret& secret, const Error& why, std::chrono::milliseconds wait) {
  if (why.kind() == ErrorKind::failed_dependency) return why;  // The key that it was sealed with is another.
  const auto beginning = fmt::format("the access token of the secret '{}' cannot be renewed at {}: {}",
                                     secret.name, host_of(secret), why.message());
  if (needs_somebody(why))
    return insufficient_permissions("{}; {}", beginning, remedy(secret))
        .with_code(std::string(kRenewalFailed));
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(wait);
  return upstream_error("{}; it is tried again in {} s", beginning, seconds.count())
      .with_code(std::string(kRenewalFailed))
      .with_retry_after(seconds);
}

Error not_kept(const store::Secret& secret, const Error& why) {
  return upstream_error(
             "the new access token of the secret '{}' could not be stored; it is tried again with "
             "the next request",
             secret.name)
      .with_code(std::string(kRenewalFailed))
      .with_detail(why.message());
}

store::SandboxAuditEntry renewal_entry(store::SandboxAuditEntry who, const store::Secret& secret,
                                       std::string reason, store::AuditVerdict verdict) {
  who.at = now();
  who.kind = store::AuditKind::renewal;
  who.verdict = verdict;
  who.target = host_of(secret);
  who.secret = secret.name;
  who.reason = std::move(reason);
  return who;
}

}  // namespace isa::cloud_os
