#include "model/forwarded.h"

#include <array>

namespace isa::model {

net::Headers without_credentials(const net::Headers& headers) {
  static constexpr std::array<std::string_view, 8> kKept{
      "content-type", "accept",     "anthropic-version", "anthropic-beta",
      "traceparent",  "tracestate", "idempotency-key",   "x-request-id"};
  net::Headers kept;
  for (const auto name : kKept)
    if (const auto value = headers.get(name); !value.empty()) kept.set(std::string(name), std::string(value));
  return kept;
}

}  // namespace isa::model
