#include "base/json_text.h"

#include "base/utf8.h"

#include <array>
#include <charconv>
#include <cmath>

namespace isa::json {
namespace {

// Bytes that may stand in a JSON string as they are and need no look at their neighbours.
constexpr auto kPlain = [] {
  std::array<bool, 256> plain{};
  for (std::size_t i = 0x20; i < 0x80; ++i) plain[i] = i != '"' && i != '\\';
  return plain;
}();

void append_escaped(std::string& to, unsigned char c) {
  static constexpr std::string_view kHex = "0123456789abcdef";
  switch (c) {
    case '"': to += "\\\""; return;
    case '\\': to += "\\\\"; return;
    case '\n': to += "\\n"; return;
    case '\r': to += "\\r"; return;
    case '\t': to += "\\t"; return;
    default:
      to += "\\u00";
      to += kHex[c >> 4];
      to += kHex[c & 15];
  }
}

// Appends what `rest` begins with, a non-ASCII character or an ill-formed byte, and returns its length.
std::size_t append_wide(std::string& to, std::string_view rest) {
  const std::size_t length = utf8_sequence(rest);
  if (length == 0) {
    to += kReplacement;
    return 1;
  }
  const std::string_view character = rest.substr(0, length);
  if (character == "\xE2\x80\xA8")
    to += "\\u2028";
  else if (character == "\xE2\x80\xA9")
    to += "\\u2029";
  else
    to += character;
  return length;
}

// From here on digits and noughts are harder to read than an exponent (Python draws the same line).
constexpr double kPlainMin = 1e-4;
constexpr double kPlainMax = 1e16;

template <std::integral T>
void append_integer(std::string& to, T number) {
  std::array<char, 24> text{};
  const auto [end, ec] = std::to_chars(text.data(), text.data() + text.size(), number);
  to.append(text.data(), end);
}

void append_array(std::string& to, const array& from) {
  to += '[';
  bool is_first = true;
  for (const auto& item : from) {
    if (!is_first) to += ',';
    is_first = false;
    append(to, item);
  }
  to += ']';
}

}  // namespace

void append_string(std::string& to, std::string_view text) {
  to += '"';
  for (std::size_t at = 0; at < text.size();) {
    std::size_t end = at;
    while (end < text.size() && kPlain[static_cast<unsigned char>(text[end])]) ++end;
    to.append(text, at, end - at);
    if (end == text.size()) break;
    const auto c = static_cast<unsigned char>(text[end]);
    if (c < 0x80) {
      append_escaped(to, c);
      at = end + 1;
    } else {
      at = end + append_wide(to, text.substr(end));
    }
  }
  to += '"';
}

void append_double(std::string& to, double number) {
  if (!std::isfinite(number)) {
    to += "null";
    return;
  }
  const double size = std::abs(number);
  const bool is_plain = size == 0 || (size >= kPlainMin && size < kPlainMax);
  std::array<char, 40> text{};
  const auto format = is_plain ? std::chars_format::fixed : std::chars_format::scientific;
  const auto [end, ec] = std::to_chars(text.data(), text.data() + text.size(), number, format);
  const std::string_view digits(text.data(), end);
  to += digits;
  if (is_plain && !digits.contains('.')) to += ".0";
}

void append(std::string& to, const object& from) {
  to += '{';
  bool is_first = true;
  for (const auto& [key, item] : from) {
    if (!is_first) to += ',';
    is_first = false;
    append_string(to, key);
    to += ':';
    append(to, item);
  }
  to += '}';
}

void append(std::string& to, const value& from) {
  switch (from.kind()) {
    case boost::json::kind::null: to += "null"; break;
    case boost::json::kind::bool_: to += from.get_bool() ? "true" : "false"; break;
    case boost::json::kind::int64: append_integer(to, from.get_int64()); break;
    case boost::json::kind::uint64: append_integer(to, from.get_uint64()); break;
    case boost::json::kind::double_: append_double(to, from.get_double()); break;
    case boost::json::kind::string: append_string(to, from.get_string()); break;
    case boost::json::kind::array: append_array(to, from.get_array()); break;
    case boost::json::kind::object: append(to, from.get_object()); break;
  }
}

}  // namespace isa::json
