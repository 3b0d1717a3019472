#include "agent/triggers/conditions.h"

#include <boost/json/serialize.hpp>
#include <re2/re2.h>

#include <algorithm>
#include <utility>

namespace isa::agent {
namespace {

constexpr std::size_t kFieldMax = 256;
constexpr std::size_t kValueMax = 4096;
constexpr std::size_t kRegexMax = 512;

// What a compiled expression may take, in bytes; one that needs more is refused. With so little the costliest
// goes over kRegexTextMax bytes in about 0.1 s, and what is too large is known after some milliseconds; with
// 64 kB both take ten times as long.
constexpr std::int64_t kRegexMemory = 16 << 10;

std::string_view text_of(const json::value& value) {
  return value.get_string();
}

// Less than 0, 0 or more, as a <=> b; nothing unless both are numbers.
std::optional<int> compare_numbers(const json::value& a, const json::value& b) {
  if (!a.is_number() || !b.is_number()) return std::nullopt;
  if (a.is_double() || b.is_double()) {
    const auto x = a.to_number<double>(), y = b.to_number<double>();
    return x < y ? -1 : x > y ? 1 : 0;
  }
  const auto sign = [](auto x, auto y) { return std::cmp_less(x, y) ? -1 : std::cmp_greater(x, y) ? 1 : 0; };
  if (a.is_int64())
    return b.is_int64() ? sign(a.get_int64(), b.get_int64()) : sign(a.get_int64(), b.get_uint64());
  return b.is_int64() ? sign(a.get_uint64(), b.get_int64()) : sign(a.get_uint64(), b.get_uint64());
}

bool is_same(const json::value& a, const json::value& b) {
  const auto numbers = compare_numbers(a, b);
  return numbers ? *numbers == 0 : a == b;
}

bool contains(const json::value& found, const json::value& wanted) {
  if (found.is_array())
    return std::ranges::any_of(found.get_array(), [&](const auto& one) { return is_same(one, wanted); });
  return found.is_string() && wanted.is_string() &&
         text_of(found).find(text_of(wanted)) != std::string_view::npos;
}

bool matches(const json::value& found, const RE2* expression) {
  if (!found.is_string() || !expression) return false;
  const auto text = text_of(found).substr(0, kRegexTextMax);
  return RE2::PartialMatch(re2::StringPiece(text.data(), text.size()), *expression);
}

Result<void> compile(Condition& condition) {
  if (!condition.value.is_string()) return validation_error("regex needs a text");
  const auto pattern = text_of(condition.value);
  if (pattern.size() > kRegexMax)
    return validation_error("a regular expression has at most {} bytes", kRegexMax);
  RE2::Options options;
  options.set_log_errors(false);
  options.set_max_mem(kRegexMemory);
  auto made = std::make_shared<const RE2>(re2::StringPiece(pattern.data(), pattern.size()), options);
  if (made->error_code() == RE2::ErrorPatternTooLarge)
    return validation_error(
        "the regular expression is too large once it is compiled; repeat less ({{0,20}} rather than "
        "{{0,1000}}), and name characters rather than classes of Unicode");
  if (!made->ok()) return validation_error("the regular expression cannot be read (RE2): {}", made->error());
  condition.expression = std::move(made);
  return ok();
}

Result<void> check_value(Condition& condition) {
  if (boost::json::serialize(condition.value).size() > kValueMax)
    return validation_error("a value has at most {} bytes", kValueMax);
  using enum Operator;
  if (condition.op == regex) return compile(condition);
  if ((condition.op == greater_than || condition.op == less_than) && !condition.value.is_number())
    return validation_error("{} needs a number", json::name_of(condition.op));
  if (condition.op == contains && condition.value.is_string() && condition.value.get_string().empty())
    return validation_error("every text contains the empty one");
  return ok();
}

bool is_pointer(std::string_view field) {
  boost::system::error_code ec;
  const json::value nothing = json::object();
  std::ignore = nothing.find_pointer(field, ec);
  return ec != boost::json::error::missing_slash && ec != boost::json::error::invalid_escape;
}

}  // namespace

Result<void> check_conditions(const std::string& at, std::vector<Condition>& conditions) {
  const auto broken = [](const std::string& where, std::string_view why) {
    return validation_error("{}: {}", where, why).with_param(where);
  };
  if (conditions.size() > kConditionsMax)
    return broken(at, fmt::format("there are at most {} conditions", kConditionsMax));
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    auto& one = conditions[i];
    const auto place = fmt::format("{}/{}", at, i);
    if (one.field.empty() || one.field.size() > kFieldMax ||
        (one.field.starts_with('/') && !is_pointer(one.field)))
      return broken(place + "/field",
                    fmt::format("must be a name or a JSON pointer of 1 to {} bytes", kFieldMax));
    if (const auto checked = check_value(one); !checked)
      return broken(place + "/value", checked.error().message());
  }
  return ok();
}

std::size_t count_regexes(const std::vector<Condition>& conditions) {
  return static_cast<std::size_t>(std::ranges::count(conditions, Operator::regex, &Condition::op));
}

const json::value* field_of(const json::value& data, const std::string& field) {
  if (!field.starts_with('/')) return data.is_object() ? data.get_object().if_contains(field) : nullptr;
  boost::system::error_code ec;
  const auto* found = data.find_pointer(field, ec);
  return ec ? nullptr : found;
}

bool holds(const Condition& condition, const json::value& data) {
  const auto* found = field_of(data, condition.field);
  if (!found) return false;
  switch (condition.op) {
    case Operator::equals: return is_same(*found, condition.value);
    case Operator::contains: return contains(*found, condition.value);
    case Operator::greater_than: return compare_numbers(*found, condition.value).value_or(0) > 0;
    case Operator::less_than: return compare_numbers(*found, condition.value).value_or(0) < 0;
    case Operator::regex: return matches(*found, condition.expression.get());
  }
  return false;
}

bool all_hold(const std::vector<Condition>& conditions, const json::value& data) {
  return std::ranges::all_of(conditions, [&](const auto& one) { return holds(one, data); });
}

bool any_holds(const std::vector<Condition>& conditions, const json::value& data) {
  return conditions.empty() ||
         std::ranges::any_of(conditions, [&](const auto& one) { return holds(one, data); });
}

}  // namespace isa::agent
