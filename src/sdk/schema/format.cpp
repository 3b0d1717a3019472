#include "sdk/schema/format.h"

#include <boost/url/parse.hpp>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <arpa/inet.h>

namespace isa::sdk::schema {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// Takes a text apart from its beginning.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : rest_(text) {}
  bool is_at_end() const { return rest_.empty(); }
  bool eat(char c) {
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  // Exactly so many digits.
  std::optional<int> number(std::size_t digits) {
    if (rest_.size() < digits || !std::ranges::all_of(rest_.substr(0, digits), is_digit)) return std::nullopt;
    int value = 0;
    for (const char c : rest_.substr(0, digits)) value = value * 10 + (c - '0');
    rest_.remove_prefix(digits);
    return value;
  }
  // As many digits as there are; false for none.
  bool digits() {
    const auto count = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    rest_.remove_prefix(count);
    return count > 0;
  }

 private:
  std::string_view rest_;
};

bool eat_date(Cursor& at) {
  const auto year = at.number(4);
  if (!year || !at.eat('-')) return false;
  const auto month = at.number(2);
  if (!month || !at.eat('-')) return false;
  const auto day = at.number(2);
  if (!day || *month < 1 || *month > 12 || *day < 1) return false;
  static constexpr std::array<int, 12> kDays{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  const bool is_leap = (*year % 4 == 0 && *year % 100 != 0) || *year % 400 == 0;
  return *day <= kDays[static_cast<std::size_t>(*month - 1)] + (*month == 2 && is_leap ? 1 : 0);
}

// Minutes east of UTC.
std::optional<int> eat_offset(Cursor& at) {
  if (at.eat('Z') || at.eat('z')) return 0;
  const int sign = at.eat('-') ? -1 : at.eat('+') ? 1 : 0;
  const auto hour = at.number(2);
  if (sign == 0 || !hour || !at.eat(':')) return std::nullopt;
  const auto minute = at.number(2);
  if (!minute || *hour > 23 || *minute > 59) return std::nullopt;
  return sign * (*hour * 60 + *minute);
}

bool eat_time(Cursor& at) {
  const auto hour = at.number(2);
  if (!hour || !at.eat(':')) return false;
  const auto minute = at.number(2);
  if (!minute || !at.eat(':')) return false;
  const auto second = at.number(2);
  if (!second || *hour > 23 || *minute > 59 || *second > 60) return false;
  if (at.eat('.') && !at.digits()) return false;
  const auto offset = eat_offset(at);
  if (!offset) return false;
  // A leap second is inserted at the end of a day of UTC.
  const int utc = ((*hour * 60 + *minute - *offset) % 1440 + 1440) % 1440;
  return *second < 60 || utc == 1439;
}

bool is_date(std::string_view text) {
  Cursor at(text);
  return eat_date(at) && at.is_at_end();
}
bool is_time(std::string_view text) {
  Cursor at(text);
  return eat_time(at) && at.is_at_end();
}
bool is_date_time(std::string_view text) {
  Cursor at(text);
  return eat_date(at) && (at.eat('T') || at.eat('t')) && eat_time(at) && at.is_at_end();
}

// P1Y2M3DT4H5M6S or P7W
bool is_duration(std::string_view text) {
  Cursor at(text);
  if (!at.eat('P') || at.is_at_end()) return false;
  std::string_view units = "YMDW";
  bool is_time_part = false;
  bool has_others = false;
  while (!at.is_at_end()) {
    if (!is_time_part && at.eat('T')) {
      is_time_part = true;
      units = "HMS";
      if (at.is_at_end()) return false;
    }
    if (!at.digits()) return false;
    auto unit = units.begin();
    while (unit != units.end() && !at.eat(*unit)) ++unit;
    if (unit == units.end()) return false;
    if (*unit == 'W') return !has_others && at.is_at_end();
    has_others = true;
    units = units.substr(static_cast<std::size_t>(unit - units.begin()) + 1);
  }
  return true;
}

bool is_hostname(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  while (true) {
    const auto dot = text.find('.');
    const auto label = text.substr(0, dot);
    if (label.empty() || label.size() > 63 || label.front() == '-' || label.back() == '-') return false;
    if (!std::ranges::all_of(label, [](char c) { return is_letter(c) || is_digit(c) || c == '-'; }))
      return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

template <class Address>
bool is_address(int family, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return false;
  Address to{};
  return inet_pton(family, std::string(text).c_str(), &to) == 1;
}
bool is_ipv4(std::string_view text) {
  return is_address<in_addr>(AF_INET, text);
}
bool is_ipv6(std::string_view text) {
  return is_address<in6_addr>(AF_INET6, text);
}

bool is_local_part(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"')
    return std::ranges::all_of(text.substr(1, text.size() - 2),
                               [](char c) { return c >= ' ' && c != 0x7f && c != '"' && c != '\\'; });
  const auto is_atom = [](char c) {
    return is_letter(c) || is_digit(c) || std::string_view("!#$%&'*+-/=?^_`{|}~.").contains(c);
  };
  return !text.empty() && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos && std::ranges::all_of(text, is_atom);
}

bool is_email(std::string_view text) {
  const auto sign = text.rfind('@');
  if (sign == std::string_view::npos || !is_local_part(text.substr(0, sign))) return false;
  auto domain = text.substr(sign + 1);
  if (!domain.starts_with('[')) return is_hostname(domain);
  if (!domain.ends_with(']')) return false;
  domain = domain.substr(1, domain.size() - 2);
  return domain.starts_with("IPv6:") ? is_ipv6(domain.substr(5)) : is_ipv4(domain);
}

bool is_uri(std::string_view text) {
  return boost::urls::parse_uri(text).has_value();
}

bool is_uuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? text[i] != '-' : !is_hex(text[i])) return false;
  }
  return true;
}

constexpr std::array<std::pair<std::string_view, bool (*)(std::string_view)>, 10> kFormats{{
    {"date", is_date},
    {"time", is_time},
    {"date-time", is_date_time},
    {"duration", is_duration},
    {"email", is_email},
    {"hostname", is_hostname},
    {"ipv4", is_ipv4},
    {"ipv6", is_ipv6},
    {"uri", is_uri},
    {"uuid", is_uuid},
}};

}  // namespace

bool has_format(std::string_view format, std::string_view text) {
  const auto known = std::ranges::find(kFormats, format, [](const auto& one) { return one.first; });
  return known == kFormats.end() || known->second(text);
}

}  // namespace isa::sdk::schema
