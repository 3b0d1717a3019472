#include "sdk/schema/ecma_regex.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <optional>

namespace isa::sdk::schema {
namespace {

// Inside of a class.
constexpr std::string_view kSpace =
    R"(\t\n\v\f\r \x{a0}\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff})";
constexpr std::string_view kNoSpace =
    R"(\x{0}-\x{8}\x{e}-\x{1f}\x{21}-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027}\x{202a}-\x{202e})"
    R"(\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff})";
constexpr std::string_view kDot = R"([^\n\r\x{2028}\x{2029}])";
constexpr std::string_view kNothing = R"([^\x{0}-\x{10ffff}])";

// General categories by their long names; RE2 knows the short ones, and scripts by name.
constexpr std::array<std::pair<std::string_view, std::string_view>, 37> kCategories{{
    {"Letter", "L"},
    {"Cased_Letter", "L"},
    {"Uppercase_Letter", "Lu"},
    {"Lowercase_Letter", "Ll"},
    {"Titlecase_Letter", "Lt"},
    {"Modifier_Letter", "Lm"},
    {"Other_Letter", "Lo"},
    {"Mark", "M"},
    {"Combining_Mark", "M"},
    {"Nonspacing_Mark", "Mn"},
    {"Spacing_Mark", "Mc"},
    {"Enclosing_Mark", "Me"},
    {"Number", "N"},
    {"Decimal_Number", "Nd"},
    {"digit", "Nd"},
    {"Letter_Number", "Nl"},
    {"Other_Number", "No"},
    {"Punctuation", "P"},
    {"punct", "P"},
    {"Connector_Punctuation", "Pc"},
    {"Dash_Punctuation", "Pd"},
    {"Open_Punctuation", "Ps"},
    {"Close_Punctuation", "Pe"},
    {"Initial_Punctuation", "Pi"},
    {"Final_Punctuation", "Pf"},
    {"Other_Punctuation", "Po"},
    {"Symbol", "S"},
    {"Math_Symbol", "Sm"},
    {"Currency_Symbol", "Sc"},
    {"Modifier_Symbol", "Sk"},
    {"Other_Symbol", "So"},
    {"Separator", "Z"},
    {"Space_Separator", "Zs"},
    {"Line_Separator", "Zl"},
    {"Paragraph_Separator", "Zp"},
    {"Other", "C"},
    {"Control", "Cc"},
}};

bool is_alnum(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

std::string literal(std::uint32_t code_point) {
  return fmt::format("\\x{{{:x}}}", code_point);
}

std::optional<std::uint32_t> hex(std::string_view digits) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return value;
}

// One thing between brackets.
struct Item {
  std::string text;
  bool is_set = false;  // Stands for more than one character: no end of a range.
};

class Translator {
 public:
  explicit Translator(std::string_view ecma) : rest_(ecma) {}

  Result<std::string> run() {
    while (!rest_.empty()) ISA_TRYV(next());
    return std::move(to_);
  }

 private:
  Result<void> next() {
    const char c = take();
    switch (c) {
      case '\\': return escape();
      case '[': return char_class();
      case '(': return group();
      case '{': return brace();
      case '.': to_ += kDot; return ok();
      case '}':
      case ']': to_ += literal(static_cast<unsigned char>(c)); return ok();
      default: to_ += c; return ok();
    }
  }

  char take() {
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }
  bool eat(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }

  Result<void> group() {
    for (const auto look : {"?=", "?!", "?<=", "?<!"})
      if (rest_.starts_with(look)) return validation_error("it looks ahead or behind, with '({}'", look);
    if (eat("?<")) {  // A name, which only a back-reference would need.
      const auto end = rest_.find('>');
      if (end == std::string_view::npos) return validation_error("the name of a group has no end");
      rest_.remove_prefix(end + 1);
    } else if (!eat("?:") && rest_.starts_with("?")) {
      return validation_error("it has a group that begins with '({}'", rest_.substr(0, 2));
    }
    to_ += "(?:";
    return ok();
  }

  // {2}, {2,}, {2,3}, or a brace that stands for itself.
  Result<void> brace() {
    const auto end = rest_.find('}');
    const auto inner = end == std::string_view::npos ? std::string_view() : rest_.substr(0, end);
    const bool repeats = !inner.empty() && inner.front() != ',' &&
                         inner.find_first_not_of("0123456789,") == std::string_view::npos &&
                         std::ranges::count(inner, ',') <= 1;
    to_ += repeats ? "{" : literal('{');
    if (!repeats) return ok();
    to_ += inner;
    to_ += '}';
    rest_.remove_prefix(end + 1);
    return ok();
  }

  Result<void> escape() {
    if (rest_.starts_with("b") || rest_.starts_with("B")) {
      to_ += '\\';
      to_ += take();
      return ok();
    }
    ISA_TRY(const auto item, escaped());
    const bool needs_brackets = item.text == kSpace || item.text == kNoSpace;
    to_ += needs_brackets ? "[" + item.text + "]" : item.text;
    return ok();
  }

  // What follows a backslash, in brackets or not.
  Result<Item> escaped() {
    if (rest_.empty()) return validation_error("it ends with a backslash");
    const char c = take();
    switch (c) {
      case 'd':
      case 'D':
      case 'w':
      case 'W': return Item{std::string{'\\', c}, true};
      case 's': return Item{std::string(kSpace), true};
      case 'S': return Item{std::string(kNoSpace), true};
      case 't':
      case 'n':
      case 'v':
      case 'f':
      case 'r': return Item{std::string{'\\', c}};
      case 'c': return control();
      case 'x': return hex_escape();
      case 'u': return unicode_escape();
      case 'p':
      case 'P': return property(c);
      case 'k': return validation_error("it has a back-reference");
      default: break;
    }
    if (c == '0' && (rest_.empty() || rest_.front() < '0' || rest_.front() > '9')) return Item{literal(0)};
    if (c >= '1' && c <= '9') return validation_error("it has a back-reference");
    if (is_alnum(c)) return validation_error("'\\{}' is no escape of ECMA-262", c);
    rest_ = {rest_.data() - 1, rest_.size() + 1};
    return character();
  }

  Result<Item> control() {
    if (rest_.empty() || !std::isalpha(static_cast<unsigned char>(rest_.front())))
      return validation_error("'\\c' needs a letter behind it");
    return Item{literal(static_cast<std::uint32_t>(take()) % 32)};
  }

  Result<Item> hex_escape() {
    const auto value = hex(rest_.substr(0, 2));
    if (!value || rest_.size() < 2) return validation_error("'\\x' needs two hexadecimal digits behind it");
    rest_.remove_prefix(2);
    return Item{literal(*value)};
  }

  std::optional<std::uint32_t> four_digits() {
    if (rest_.size() < 4) return std::nullopt;
    const auto value = hex(rest_.substr(0, 4));
    if (value) rest_.remove_prefix(4);
    return value;
  }

  Result<Item> unicode_escape() {
    std::optional<std::uint32_t> value;
    if (eat("{")) {
      const auto end = rest_.find('}');
      if (end != std::string_view::npos) value = hex(rest_.substr(0, end));
      if (value) rest_.remove_prefix(end + 1);
    } else {
      value = four_digits();
      if (value && *value >= 0xd800 && *value < 0xdc00 && eat("\\u")) {
        const auto low = four_digits();
        if (low && *low >= 0xdc00 && *low < 0xe000)
          value = 0x10000 + ((*value - 0xd800) << 10) + (*low - 0xdc00);
      }
    }
    if (!value || *value > 0x10ffff || (*value >= 0xd800 && *value < 0xe000))
      return validation_error("'\\u' needs the number of a character behind it");
    return Item{literal(*value)};
  }

  // \p{Letter}, \p{Lu}, \p{Script=Greek}
  Result<Item> property(char c) {
    const auto end = rest_.find('}');
    if (!eat("{") || end == std::string_view::npos)
      return validation_error("'\\{}' needs a name in braces behind it", c);
    auto name = rest_.substr(0, end - 1);
    rest_.remove_prefix(end);
    if (const auto equals = name.find('='); equals != std::string_view::npos) name.remove_prefix(equals + 1);
    const auto known = std::ranges::find(kCategories, name, &decltype(kCategories)::value_type::first);
    if (known != kCategories.end()) name = known->second;
    if (name.empty() || !std::ranges::all_of(name, [](char n) { return is_alnum(n) || n == '_'; }))
      return validation_error("'\\{}{{{}}}' is not known", c, name);
    return Item{fmt::format("\\{}{{{}}}", c, name), true};
  }

  // One character that stands for itself, of one to four bytes (the text is UTF-8: it was JSON).
  Result<Item> character() {
    const auto lead = static_cast<unsigned char>(rest_.front());
    const std::size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
    if (size == 1) return Item{literal(static_cast<unsigned char>(take()))};
    const auto bytes = rest_.substr(0, size);
    rest_.remove_prefix(bytes.size());
    return Item{std::string(bytes)};
  }

  Result<Item> class_item() {
    if (rest_.empty()) return validation_error("a '[' is not closed");
    if (!eat("\\")) return character();
    if (eat("b")) return Item{literal(8)};
    return escaped();
  }

  Result<void> char_class() {
    const bool is_negated = eat("^");
    std::string items;
    while (!eat("]")) {
      ISA_TRY(const auto first, class_item());
      items += first.text;
      const bool may_be_range = rest_.size() > 1 && rest_[0] == '-' && rest_[1] != ']';
      if (!may_be_range || !eat("-")) continue;
      ISA_TRY(const auto last, class_item());
      items += first.is_set || last.is_set ? literal('-') : "-";
      items += last.text;
    }
    if (items.empty())
      to_ += is_negated ? "(?s:.)" : kNothing;
    else
      to_ += (is_negated ? "[^" : "[") + items + "]";
    return ok();
  }

  std::string_view rest_;
  std::string to_;
};

}  // namespace

Result<std::string> to_re2(std::string_view ecma) {
  return Translator(ecma).run();
}

}  // namespace isa::sdk::schema
