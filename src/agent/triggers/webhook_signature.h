// How a webhook proves that it comes from who has its secret. The header
//   X-ISA-Signature: t=<Unix time in seconds>,v1=<HMAC-SHA256 in hexadecimal>
// is over "<t>.<body as sent>" with the secret as the key (RFC 2104, FIPS 180-4).
#pragma once

#include "base/result.h"
#include "base/time.h"

#include <string>
#include <string_view>

namespace isa::agent {

inline constexpr std::string_view kSignatureHeader = "X-ISA-Signature";
// How far the time of a signature may be from ours. Within it the store remembers signatures
// (TriggerStore::kOnceKept), so that none is taken twice.
inline constexpr std::chrono::seconds kSignatureWindow{300};

struct WebhookSignature {
  std::int64_t at = 0;  // Seconds since 1970.
  std::string mac;      // 64 lower-case hexadecimal digits.

  // unauthorized when it is not exactly of that form.
  static Result<WebhookSignature> parse(std::string_view header);
};

// "whsec_" and 64 hexadecimal digits.
std::string make_webhook_secret();
std::string sign_webhook(std::string_view secret, std::int64_t at, std::string_view body);
// Compares in constant time. unauthorized, and the same whatever is wrong with the MAC.
Result<void> verify_webhook(const WebhookSignature& signature, std::string_view secret, std::string_view body,
                            Timestamp now);

}  // namespace isa::agent
