#include "base/utf8.h"

#include <algorithm>

namespace isa {
namespace {

using Byte = unsigned char;

bool is_continuation(char c) {
  return (static_cast<Byte>(c) & 0xC0) == 0x80;
}

struct Lead {
  std::size_t length = 0;        // Of the sequence that it begins; 0: begins none.
  Byte low = 0x80, high = 0xBF;  // Bounds of the second byte.
};

Lead lead_of(Byte b) {
  if (b < 0x80) return {1};
  if (b >= 0xC2 && b <= 0xDF) return {2};
  if (b == 0xE0) return {3, 0xA0, 0xBF};
  if (b == 0xED) return {3, 0x80, 0x9F};
  if (b >= 0xE1 && b <= 0xEF) return {3};
  if (b == 0xF0) return {4, 0x90, 0xBF};
  if (b >= 0xF1 && b <= 0xF3) return {4};
  if (b == 0xF4) return {4, 0x80, 0x8F};
  return {};
}

// Where the first ill-formed byte is, or npos.
std::size_t find_ill_formed(std::string_view text) {
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = utf8_sequence(text.substr(at));
    if (length == 0) return at;
    at += length;
  }
  return std::string_view::npos;
}

}  // namespace

std::size_t utf8_sequence(std::string_view text) {
  if (text.empty()) return 0;
  const Lead lead = lead_of(static_cast<Byte>(text[0]));
  if (lead.length <= 1) return lead.length;
  if (text.size() < lead.length) return 0;
  const auto second = static_cast<Byte>(text[1]);
  if (second < lead.low || second > lead.high) return 0;
  for (std::size_t i = 2; i < lead.length; ++i)
    if (!is_continuation(text[i])) return 0;
  return lead.length;
}

bool is_utf8(std::string_view text) {
  return find_ill_formed(text) == std::string_view::npos;
}

std::string to_valid_utf8(std::string text) {
  std::size_t at = find_ill_formed(text);
  if (at == std::string::npos) return text;
  std::string valid = text.substr(0, at);
  while (at < text.size()) {
    const std::string_view rest = std::string_view(text).substr(at);
    const std::size_t length = utf8_sequence(rest);
    valid += length == 0 ? kReplacement : rest.substr(0, length);
    at += length == 0 ? 1 : length;
  }
  return valid;
}

std::size_t unfinished_utf8(std::string_view text) {
  for (std::size_t i = 1; i <= std::min<std::size_t>(3, text.size()); ++i) {
    const auto byte = static_cast<unsigned char>(text[text.size() - i]);
    if ((byte & 0xC0) == 0x80) continue;
    const std::size_t length = byte >= 0xF5 ? 1 : byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC2 ? 2 : 1;
    return length > i ? i : 0;
  }
  return 0;
}

std::string_view cut_utf8(std::string_view text, std::size_t max) {
  if (text.size() <= max) return text;
  std::size_t end = max;
  // At most three steps back: beyond that the text is no UTF-8, and any place is as good.
  for (int i = 0; i < 3 && end > 0 && is_continuation(text[end]); ++i) --end;
  return text.substr(0, is_continuation(text[end]) ? max : end);
}

}  // namespace isa
