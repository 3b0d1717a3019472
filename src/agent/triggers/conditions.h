// What a rule asks of the data of an event: pure functions, on any thread.
#pragma once

#include "base/json.h"

#include <string>
#include <string_view>
#include <vector>

namespace isa::agent {

enum class Operator { equals, contains, greater_than, less_than, regex };
BOOST_DESCRIBE_ENUM(Operator, equals, contains, greater_than, less_than, regex)

struct Condition {
  std::string
      field;  // A name at the top of the data, or a JSON pointer (RFC 6901): "price", "/sensor/0/name".
  Operator op = Operator::equals;
  json::value value;
};
BOOST_DESCRIBE_STRUCT(Condition, (), (field, op, value))

inline constexpr std::size_t kConditionsMax = 16;

// `at`: the JSON pointer of the list in the request. Too many, an empty field, a value that the operator
// cannot be used with, a regular expression that RE2 does not know.
Result<void> check_conditions(const std::string& at, const std::vector<Condition>& conditions);

// Nothing when the data has no such field.
const json::value* field_of(const json::value& data, const std::string& field);

// equals: the same JSON; numbers by their value. contains: a text within a text, or an element of an array.
// greater_than, less_than: numbers only. regex: anywhere in a text (RE2, so in linear time). A field that is
// missing or of another type meets no condition.
bool holds(const Condition& condition, const json::value& data);
bool all_hold(const std::vector<Condition>& conditions, const json::value& data);
// True for an empty list as well.
bool any_holds(const std::vector<Condition>& conditions, const json::value& data);

}  // namespace isa::agent
