#include "sdk/mcp/token_endpoint.h"

#include "base/base64.h"
#include "net/text.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace isa::sdk::mcp {
namespace {

constexpr std::size_t kTokenMax = 16 << 10;
constexpr std::size_t kScopeMax = 4 << 10;
constexpr std::size_t kCodeMax = 64;
constexpr std::int64_t kLifetimeMax = 100LL * 365 * 24 * 3600;  // Seconds. What lasts longer does not end.

Error bad_answer(std::string_view what) {
  return upstream_error("the token endpoint sent {}", what).with_code("bad_token_answer");
}

// VSCHAR of RFC 6749, appendix A.
bool is_visible(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7e; });
}

// A token goes into a header: blanks in it would be no part of it.
bool is_token(std::string_view text) {
  return !text.empty() && text.size() <= kTokenMax && is_visible(text) && !text.contains(' ');
}

// A text, or nothing when it is absent or null.
Result<std::optional<std::string>> text_at(const json::object& from, std::string_view key) {
  const auto* found = from.if_contains(key);
  if (!found || found->is_null()) return std::optional<std::string>();
  if (!found->is_string()) return bad_answer(fmt::format("'{}' that is no text", key));
  return std::optional(std::string(found->get_string()));
}

// A number of seconds; some servers write it as text.
Result<std::optional<std::chrono::seconds>> lifetime_in(const json::object& from) {
  const auto* found = from.if_contains("expires_in");
  if (!found || found->is_null()) return std::optional<std::chrono::seconds>();
  std::int64_t count = -1;
  if (found->is_int64()) {
    count = found->get_int64();
  } else if (found->is_uint64()) {
    count = kLifetimeMax;  // More than any int64.
  } else if (found->is_double() && found->get_double() >= 0 && found->get_double() <= 9e15) {
    count = static_cast<std::int64_t>(found->get_double());
  } else if (found->is_string()) {
    const std::string_view text = found->get_string();
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (failed != std::errc() || end != text.data() + text.size()) count = -1;
  }
  if (count < 0) return bad_answer("'expires_in' that is no number of seconds");
  return std::optional(std::chrono::seconds(std::min(count, kLifetimeMax)));
}

// What an error is called; empty when that is no name.
std::string code_in(const json::object& from) {
  const auto* found = from.if_contains("error");
  if (!found || !found->is_string()) return {};
  const std::string_view text = found->get_string();
  const bool is_name = !text.empty() && text.size() <= kCodeMax &&
                       std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  return is_name ? std::string(text) : std::string();
}

// Of RFC 6749, RFC 8707, OpenID Connect, and one that GitHub says instead of invalid_grant. What is none of
// them may be anything, also a word of what was sent, and is not repeated.
bool is_known(std::string_view code) {
  constexpr std::array<std::string_view, 16> kCodes = {
      "invalid_request",        "invalid_client",   "invalid_grant",           "unauthorized_client",
      "unsupported_grant_type", "invalid_scope",    "access_denied",           "invalid_target",
      "invalid_token",          "server_error",     "temporarily_unavailable", "slow_down",
      "interaction_required",   "consent_required", "login_required",          "bad_refresh_token"};
  return std::ranges::count(kCodes, code) > 0;
}

Error refusal(int status, const Result<json::value>& document) {
  auto code = document && document->is_object() ? code_in(document->get_object()) : std::string();
  if (!is_known(code))
    return upstream_error("the token endpoint answered with status {}", status)
        .with_code(fmt::format("status_{}", status));
  const bool is_passing = status >= 500 || status == 429 || code == "server_error" || code == "slow_down" ||
                          code == "temporarily_unavailable";
  const auto kind = is_passing ? ErrorKind::upstream_error : ErrorKind::unauthorized;
  return make_error(kind, "the token endpoint answered {}", code).with_code(std::move(code));
}

}  // namespace

std::string form_of(const FormFields& fields) {
  std::string text;
  for (const auto& [name, value] : fields) {
    if (value.empty()) continue;
    text += (text.empty() ? "" : "&") + name + "=" + net::percent_encode(value);
  }
  return text;
}

net::ClientRequest token_request(std::string target, const OauthClient& client, FormFields fields) {
  net::ClientRequest request;
  request.method = net::Method::post;
  request.target = std::move(target);
  request.headers.set("Content-Type", "application/x-www-form-urlencoded");
  request.headers.set("Accept", "application/json");
  if (client.auth_method == "client_secret_basic") {
    const auto pair = net::percent_encode(client.id) + ":" + net::percent_encode(client.secret);
    request.headers.set("Authorization", "Basic " + to_base64(pair));
  } else {
    fields.emplace_back("client_id", client.id);
    if (client.auth_method == "client_secret_post") fields.emplace_back("client_secret", client.secret);
  }
  request.body = form_of(fields);
  return request;
}

Result<TokenAnswer> parse_token_answer(int status, std::string_view body) {
  const auto document = json::parse(body, {.depth = 8});
  if (status != 200) return refusal(status, document);
  if (!document || !document->is_object()) return bad_answer("an answer that is no JSON object");
  const auto& got = document->get_object();
  // Some servers say what went wrong with status 200.
  if (got.contains("error")) return refusal(400, document);
  ISA_TRY(auto token, text_at(got, "access_token"));
  ISA_TRY(const auto type, text_at(got, "token_type"));
  if (!token || !is_token(*token)) return bad_answer("no access token");
  if (!type || !net::equals_ignoring_case(*type, "Bearer"))
    return bad_answer("a token that is no bearer token");
  TokenAnswer answer;
  answer.access_token = *std::move(token);
  ISA_TRY(answer.refresh_token, text_at(got, "refresh_token"));
  if (answer.refresh_token && answer.refresh_token->empty()) answer.refresh_token.reset();
  if (answer.refresh_token && !is_token(*answer.refresh_token))
    return bad_answer("a refresh token that is none");
  ISA_TRY(answer.expires_in, lifetime_in(got));
  ISA_TRY(answer.scope, text_at(got, "scope"));
  if (answer.scope && (answer.scope->size() > kScopeMax || !is_visible(*answer.scope)))
    return bad_answer("a scope that is none");
  return answer;
}

}  // namespace isa::sdk::mcp
