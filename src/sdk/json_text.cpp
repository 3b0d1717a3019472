#include "sdk/json_text.h"

#include "sdk/utf8.h"

#include <array>

namespace isa::sdk {
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

void append_array(std::string& to, const json::array& from) {
  to += '[';
  bool is_first = true;
  for (const auto& item : from) {
    if (!is_first) to += ',';
    is_first = false;
    append_json(to, item);
  }
  to += ']';
}

}  // namespace

void append_json_string(std::string& to, std::string_view text) {
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

void append_json(std::string& to, const json::object& from) {
  to += '{';
  bool is_first = true;
  for (const auto& [key, item] : from) {
    if (!is_first) to += ',';
    is_first = false;
    append_json_string(to, key);
    to += ':';
    append_json(to, item);
  }
  to += '}';
}

void append_json(std::string& to, const json::value& from) {
  if (const auto* text = from.if_string())
    append_json_string(to, *text);
  else if (const auto* fields = from.if_object())
    append_json(to, *fields);
  else if (const auto* items = from.if_array())
    append_array(to, *items);
  else
    to += json::serialize(from);  // Numbers, true, false, null.
}

}  // namespace isa::sdk
