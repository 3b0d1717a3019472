// The header by which a webhook is signed: the first line; the rest is the body. Nothing but the right
// signature is ever taken.
#include "agent/triggers/webhook_signature.h"

#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace isa;
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto end = std::min(bytes.find('\n'), bytes.size());
  const auto body = bytes.substr(std::min(end + 1, bytes.size()));
  const auto signature = agent::WebhookSignature::parse(bytes.substr(0, end));
  if (!signature) return 0;
  if (signature->at < 0 || signature->mac.size() != 64) std::abort();
  const auto now = from_millis(1'700'000'000'000);
  const bool is_right = signature->mac == agent::sign_webhook("secret", signature->at, body);
  const bool is_now = signature->at >= 1'699'999'700 && signature->at <= 1'700'000'300;
  if (agent::verify_webhook(*signature, "secret", body, now).has_value() != (is_right && is_now))
    std::abort();
  return 0;
}
