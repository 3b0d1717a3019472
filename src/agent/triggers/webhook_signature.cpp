#include "agent/triggers/webhook_signature.h"

#include "base/ids.h"
#include "net/text.h"

#include <sodium/crypto_auth_hmacsha256.h>
#include <sodium/utils.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace isa::agent {
namespace {

constexpr std::size_t kMacHex = 2 * crypto_auth_hmacsha256_BYTES;

Error malformed() {
  return unauthorized(
      "{} must be t=<Unix time>,v1=<HMAC-SHA256 of \"<t>.<body>\" with the webhook's secret, in hexadecimal>",
      kSignatureHeader);
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

Result<WebhookSignature> WebhookSignature::parse(std::string_view header) {
  if (!header.starts_with("t=")) return malformed();
  header.remove_prefix(2);
  const auto time = net::take_until(header, ',');
  WebhookSignature signature;
  const auto [end, ec] = std::from_chars(time.data(), time.data() + time.size(), signature.at);
  const bool is_time = ec == std::errc() && end == time.data() + time.size() && signature.at >= 0;
  const bool is_hex = header.starts_with("v1=") && header.size() == 3 + kMacHex &&
                      header.find_first_not_of("0123456789abcdef", 3) == std::string_view::npos;
  if (!is_time || !is_hex) return malformed();
  signature.mac = header.substr(3);
  return signature;
}

std::string make_webhook_secret() {
  return "whsec_" + random_hex(32);
}

std::string sign_webhook(std::string_view secret, std::int64_t at, std::string_view body) {
  crypto_auth_hmacsha256_state state;
  crypto_auth_hmacsha256_init(&state, bytes_of(secret), secret.size());
  const auto prefix = fmt::format("{}.", at);
  crypto_auth_hmacsha256_update(&state, bytes_of(prefix), prefix.size());
  crypto_auth_hmacsha256_update(&state, bytes_of(body), body.size());
  std::array<unsigned char, crypto_auth_hmacsha256_BYTES> mac;
  crypto_auth_hmacsha256_final(&state, mac.data());
  std::array<char, kMacHex + 1> hex;
  sodium_bin2hex(hex.data(), hex.size(), mac.data(), mac.size());
  return std::string(hex.data(), kMacHex);
}

Result<void> verify_webhook(const WebhookSignature& signature, std::string_view secret, std::string_view body,
                            Timestamp now) {
  const auto expected = sign_webhook(secret, signature.at, body);
  if (signature.mac.size() != expected.size() ||
      sodium_memcmp(signature.mac.data(), expected.data(), expected.size()) != 0)
    return unauthorized("the signature is not that of this webhook's secret over \"<t>.<body>\"");
  const auto ours = std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  const auto window = kSignatureWindow.count();
  // Without a difference, which could overflow.
  if (signature.at < ours - window || signature.at > ours + window)
    return unauthorized("the time of the signature is more than {} s from the server's; sign it again",
                        window)
        .with_code("signature_expired");
  return ok();
}

}  // namespace isa::agent
