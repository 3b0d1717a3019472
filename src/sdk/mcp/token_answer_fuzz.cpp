// What a token endpoint answers, whatever it is: a token that can stand in a header, or an error that repeats
// nothing of it.
#include "sdk/mcp/token_endpoint.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace {

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

void check(int status, std::string_view body) {
  const auto answer = isa::sdk::mcp::parse_token_answer(status, body);
  if (!answer) {
    if (!is_printable(answer.error().code()) || answer.error().message().size() > 200) std::abort();
    return;
  }
  if (status != 200 || answer->access_token.empty() || !is_printable(answer->access_token)) std::abort();
  if (answer->refresh_token && (answer->refresh_token->empty() || !is_printable(*answer->refresh_token)))
    std::abort();
  if (answer->expires_in && answer->expires_in->count() < 0) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  for (const int status : {200, 400, 401, 429, 503}) check(status, body);
  return 0;
}
