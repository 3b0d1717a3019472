#include "base/ids.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <cstdlib>

#include <sys/random.h>

namespace isa {
namespace {

void fill_random(unsigned char* bytes, std::size_t count) {
  while (count > 0) {
    const ssize_t got = getrandom(bytes, count, 0);
    if (got <= 0) std::abort();  // Only EINTR on huge reads is documented; without entropy nothing is safe.
    bytes += got;
    count -= static_cast<std::size_t>(got);
  }
}

}  // namespace

std::string make_ulid() {
  constexpr std::string_view kAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
  const auto now = std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count();
  std::string text(26, '0');
  auto time = static_cast<std::uint64_t>(now);
  for (int i = 9; i >= 0; --i, time >>= 5) text[static_cast<std::size_t>(i)] = kAlphabet[time & 31];
  std::array<unsigned char, 16> random{};
  fill_random(random.data(), random.size());
  for (std::size_t i = 0; i < random.size(); ++i) text[10 + i] = kAlphabet[random[i] & 31];
  return text;
}

std::string random_hex(std::size_t bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string raw(bytes, '\0');
  fill_random(reinterpret_cast<unsigned char*>(raw.data()), bytes);
  std::string text;
  text.reserve(bytes * 2);
  for (const char c : raw) {
    const auto byte = static_cast<unsigned char>(c);
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace isa
