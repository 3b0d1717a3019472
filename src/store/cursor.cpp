#include "store/cursor.h"

#include <sodium.h>

#include <charconv>

namespace isa::store {
namespace {

constexpr int kVariant = sodium_base64_VARIANT_URLSAFE_NO_PADDING;
constexpr std::size_t kMaxText = 512;

}  // namespace

std::string to_text(const Cursor& cursor) {
  const auto plain = fmt::format("{}:{}", cursor.position, cursor.id);
  std::string text(sodium_base64_encoded_len(plain.size(), kVariant), '\0');
  sodium_bin2base64(text.data(), text.size(), reinterpret_cast<const unsigned char*>(plain.data()),
                    plain.size(), kVariant);
  text.pop_back();  // The terminating zero.
  return text;
}

Result<Cursor> parse_cursor(std::string_view text) {
  if (text.empty()) return Cursor{};
  const auto malformed = [] {
    return validation_error(
               "/cursor: this is not a cursor; send the next_cursor of the page before, unchanged")
        .with_param("/cursor");
  };
  if (text.size() > kMaxText) return malformed();
  std::string plain(text.size(), '\0');
  std::size_t size = 0;
  if (sodium_base642bin(reinterpret_cast<unsigned char*>(plain.data()), plain.size(), text.data(),
                        text.size(), nullptr, &size, nullptr, kVariant) != 0)
    return malformed();
  plain.resize(size);
  Cursor cursor;
  const char* const end = plain.data() + plain.size();
  const auto [colon, ec] = std::from_chars(plain.data(), end, cursor.position);
  if (ec != std::errc() || colon == end || *colon != ':' || colon + 1 == end) return malformed();
  cursor.id.assign(colon + 1, end);
  return cursor;
}

}  // namespace isa::store
