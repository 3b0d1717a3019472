#include "sdk/web/charset.h"

#include "base/utf8.h"
#include "net/text.h"

#include <algorithm>
#include <array>
#include <cstdint>

namespace isa::sdk {
namespace {

constexpr std::size_t kPrescan = 1024;  // Bytes (HTML, "determining the character encoding").

// 0x80 to 0x9F of windows-1252 (WHATWG Encoding); the rest is Unicode's own first block.
constexpr std::array<std::uint16_t, 32> kUpper = {
    0x20AC, 0x0081, 0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x008D, 0x017D, 0x008F, 0x0090, 0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x009D, 0x017E, 0x0178};

std::string lower(std::string_view text) {
  std::string to(text);
  std::ranges::transform(to, to.begin(), net::to_lower);
  return to;
}

// The value behind the first "charset=" of lower-case text.
std::string charset_in(std::string_view text) {
  const auto at = text.find("charset=");
  if (at == std::string_view::npos) return {};
  auto rest = text.substr(at + 8);
  while (rest.starts_with('"') || rest.starts_with('\'') || rest.starts_with(' ')) rest.remove_prefix(1);
  return std::string(rest.substr(0, rest.find_first_of("\"'; />\t\r\n")));
}

std::string from_windows_1252(std::string_view body) {
  std::string text;
  text.reserve(body.size() + body.size() / 8);
  for (const char c : body) {
    const auto byte = static_cast<unsigned char>(c);
    const unsigned point = byte >= 0x80 && byte < 0xA0 ? kUpper[byte - 0x80] : byte;
    if (point < 0x80) {
      text += c;
    } else if (point < 0x800) {
      text += static_cast<char>(0xC0 | point >> 6);
      text += static_cast<char>(0x80 | (point & 0x3F));
    } else {
      text += static_cast<char>(0xE0 | point >> 12);
      text += static_cast<char>(0x80 | (point >> 6 & 0x3F));
      text += static_cast<char>(0x80 | (point & 0x3F));
    }
  }
  return text;
}

}  // namespace

Result<std::string> to_utf8(std::string body, std::string_view content_type) {
  if (body.starts_with("\xEF\xBB\xBF")) return to_valid_utf8(body.substr(3));
  auto charset = charset_in(lower(content_type));
  if (charset.empty()) charset = charset_in(lower(std::string_view(body).substr(0, kPrescan)));
  const bool is_latin = charset == "iso-8859-1" || charset == "windows-1252" || charset == "latin1" ||
                        charset == "iso8859-1" || charset == "cp1252";
  if (charset.empty()) {
    // It may end within a character, where the broker cut it.
    const auto whole = std::string_view(body).substr(0, body.size() - unfinished_utf8(body));
    if (!is_utf8(whole)) return from_windows_1252(body);
  } else if (is_latin) {
    return from_windows_1252(body);
  } else if (charset != "utf-8" && charset != "utf8" && charset != "us-ascii" && charset != "ascii") {
    return validation_error("the page is written in '{}'; this tool reads UTF-8, ISO-8859-1 and windows-1252",
                            cut_utf8(to_valid_utf8(charset), 40));
  }
  return to_valid_utf8(std::move(body));
}

}  // namespace isa::sdk
