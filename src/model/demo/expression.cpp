#include "model/demo/expression.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <utility>

namespace isa::model::demo {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Recursive descent; each rule leaves `rest_` behind what it read.
class Parser {
 public:
  explicit Parser(std::string_view text) : rest_(text) {}

  Result<double> whole() {
    ISA_TRY(const double number, sum());
    if (peek() != '\0') return validation_error("'{}' is not part of an expression", rest_.substr(0, 16));
    if (!std::isfinite(number)) return validation_error("the result is no finite real number");
    return number;
  }

 private:
  static constexpr int kDepthMax = 64;

  char peek() {
    while (!rest_.empty() && (rest_.front() == ' ' || rest_.front() == '\t')) rest_.remove_prefix(1);
    return rest_.empty() ? '\0' : rest_.front();
  }
  bool eat(char c) {
    if (peek() != c || c == '\0') return false;
    rest_.remove_prefix(1);
    return true;
  }

  Result<double> sum() {
    ISA_TRY(double left, product());
    while (true) {
      if (eat('+')) {
        ISA_TRY(const double right, product());
        left += right;
      } else if (eat('-')) {
        ISA_TRY(const double right, product());
        left -= right;
      } else {
        return left;
      }
    }
  }

  Result<double> product() {
    ISA_TRY(double left, signed_power());
    while (true) {
      if (eat('*')) {
        ISA_TRY(const double right, signed_power());
        left *= right;
      } else if (eat('/')) {
        ISA_TRY(const double right, signed_power());
        if (right == 0) return validation_error("division by zero has no result");
        left /= right;
      } else {
        return left;
      }
    }
  }

  Result<double> signed_power() {
    if (++depth_ > kDepthMax) return validation_error("the expression nests deeper than {}", kDepthMax);
    const bool negative = eat('-');
    if (negative || eat('+')) {
      ISA_TRY(const double number, signed_power());
      --depth_;
      return negative ? -number : number;
    }
    ISA_TRY(double base, primary());
    if (eat('^')) {
      ISA_TRY(const double exponent, signed_power());
      if (base == 0 && exponent < 0) return validation_error("division by zero has no result");
      base = std::pow(base, exponent);
    }
    --depth_;
    return base;
  }

  Result<double> primary() {
    if (eat('(')) {
      ISA_TRY(const double number, sum());
      if (!eat(')')) return validation_error("a closing parenthesis is missing");
      return number;
    }
    const char first = peek();
    if (!is_digit(first) && first != '.') return validation_error("a number is missing");
    double number = 0;
    const auto [end, error] =
        std::from_chars(rest_.data(), rest_.data() + rest_.size(), number, std::chars_format::fixed);
    if (error != std::errc()) return validation_error("'{}' is no number", rest_.substr(0, 16));
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return number;
  }

  std::string_view rest_;
  int depth_ = 0;
};

// Spells operators that are words or other characters with their ASCII signs.
std::string with_signs(std::string_view sentence) {
  static constexpr std::array<std::pair<std::string_view, std::string_view>, 8> kWords{{
      {"divided by", "/"},
      {"multiplied by", "*"},
      {"to the power of", "^"},
      {"plus", "+"},
      {"minus", "-"},
      {"times", "*"},
      {"\xC3\x97", "*"},
      {"\xC3\xB7", "/"},
  }};
  std::string text(sentence);
  for (const auto& [word, sign] : kWords)
    for (auto at = text.find(word); at != std::string::npos; at = text.find(word, at))
      text.replace(at, word.size(), sign);
  return text;
}

// A sign between two operands, so that "-5" and "(3)" are no arithmetic; a dash alone is rather a date or a
// range.
bool has_operator(std::string_view text) {
  bool after_operand = false;
  for (const char c : text) {
    if (is_digit(c) || c == ')')
      after_operand = true;
    else if (after_operand && std::string_view("+-*/^").find(c) != std::string_view::npos)
      return true;
  }
  return false;
}

}  // namespace

Result<double> evaluate(std::string_view text) {
  return Parser(text).whole();
}

std::optional<std::string> find_expression(std::string_view sentence) {
  const auto text = with_signs(sentence);
  constexpr std::string_view kAllowed = "0123456789.+-*/^() \t";
  for (std::size_t begin = text.find_first_of("0123456789.(-"); begin != std::string::npos;
       begin = text.find_first_of("0123456789.(-", begin)) {
    const auto end = std::min(text.find_first_not_of(kAllowed, begin), text.size());
    std::string_view run(text.data() + begin, end - begin);
    while (!run.empty() && !is_digit(run.back()) && run.back() != ')') run.remove_suffix(1);
    if (has_operator(run)) return std::string(run);
    begin = end;
  }
  return std::nullopt;
}

std::string format_number(double number) {
  return fmt::format("{:.15g}", number == 0 ? 0.0 : number);  // Without the sign of a negative zero.
}

}  // namespace isa::model::demo
