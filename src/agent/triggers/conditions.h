// What a rule asks of the data of an event: pure functions, on any thread.
#pragma once

#include "base/json.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace re2 {
class RE2;
}

namespace isa::agent {

enum class Operator { equals, contains, greater_than, less_than, regex };
BOOST_DESCRIBE_ENUM(Operator, equals, contains, greater_than, less_than, regex)

struct Condition {
  std::string
      field;  // A name at the top of the data, or a JSON pointer (RFC 6901): "price", "/sensor/0/name".
  Operator op = Operator::equals;
  json::value value;
  std::shared_ptr<const re2::RE2> expression = nullptr;  // Of a regex, once check_conditions() has seen it.
};
BOOST_DESCRIBE_STRUCT(Condition, (), (field, op, value))

inline constexpr std::size_t kConditionsMax = 16;
inline constexpr std::size_t kRegexesMax = 4;                       // Of one rule.
inline constexpr std::size_t kRegexTextMax = std::size_t{8} << 10;  // Bytes of a text that a regex looks at.

// `at`: the JSON pointer of the list in the request. Refused: too many, an empty field, a value that the
// operator cannot be used with, a regular expression that RE2 does not know or that is too large once it is
// compiled. Compiles the expressions, which takes up to some ten milliseconds for each that is refused.
Result<void> check_conditions(const std::string& at, std::vector<Condition>& conditions);
std::size_t count_regexes(const std::vector<Condition>& conditions);

// Nothing when the data has no such field.
const json::value* field_of(const json::value& data, const std::string& field);

// equals: the same JSON; numbers by their value. contains: a text within a text, or an element of an array.
// greater_than, less_than: numbers only. regex: anywhere in the first kRegexTextMax bytes of a text (RE2, so
// in linear time), by a condition that check_conditions() has seen. A field that is missing or of another
// type meets no condition.
bool holds(const Condition& condition, const json::value& data);
bool all_hold(const std::vector<Condition>& conditions, const json::value& data);
// True for an empty list as well.
bool any_holds(const std::vector<Condition>& conditions, const json::value& data);

}  // namespace isa::agent
