// Schemas that look at the same value, and what they leave to the last.
#include "sdk/schema/evaluation.h"

#include <algorithm>
#include <utility>

namespace isa::sdk::schema {

bool Evaluation::combined(const Place& at) {
  bool good = true;
  if (const auto* all = at.rule("allOf"))
    for (const auto& schema : all->get_array()) good = fits(schema, at.value, at.path, at.seen) && good;
  if (const auto* any = at.rule("anyOf")) good = any_of(at, any->get_array()) && good;
  if (const auto* one = at.rule("oneOf")) good = one_of(at, one->get_array()) && good;
  if (const auto* none = at.rule("not"); none && fits_quietly(*none, at.value, at.path, nullptr))
    good = say(at.path, "must not fit what stands in 'not'");
  return good;
}

bool Evaluation::any_of(const Place& at, const json::array& schemas) {
  bool good = false;
  for (const auto& schema : schemas) {
    good = fits_quietly(schema, at.value, at.path, at.seen) || good;
    if (good && !at.seen) return true;
  }
  return good || say_none(at, schemas);
}

// Of the alternatives the one that the value came closest to is what somebody meant: it went wrong farthest
// down.
bool Evaluation::say_none(const Place& at, const json::array& schemas) {
  if (!is_heard()) return false;
  const auto found = std::exchange(violations_, {});
  std::vector<std::string> closest;
  const auto depth_of = [](const std::vector<std::string>& said) {
    const std::string_view first = said.empty() ? std::string_view() : said.front();
    return std::ranges::count(first.substr(0, first.find(':')), '/');
  };
  for (const auto& schema : schemas) {
    violations_.clear();
    fits(schema, at.value, at.path, nullptr);
    if (closest.empty() || depth_of(violations_) > depth_of(closest)) closest = violations_;
  }
  violations_ = found;
  const auto none = closest.empty() ? "nothing" : closest.front();
  return say(at.path, fmt::format("fits none of the alternatives; the closest says: {}", none));
}

bool Evaluation::one_of(const Place& at, const json::array& schemas) {
  std::size_t count = 0;
  for (const auto& schema : schemas)
    if (fits_quietly(schema, at.value, at.path, at.seen)) ++count;
  if (count == 0) return say_none(at, schemas);
  return count == 1 ||
         say(at.path, fmt::format("fits {} of the alternatives in 'oneOf', instead of one", count));
}

bool Evaluation::conditional(const Place& at) {
  const auto* condition = at.rule("if");
  if (!condition) return true;
  const bool is_met = fits_quietly(*condition, at.value, at.path, at.seen);
  const auto* then = at.rule(is_met ? "then" : "else");
  return !then || fits(*then, at.value, at.path, at.seen);
}

bool Evaluation::unevaluated(const Place& at) {
  bool good = true;
  const auto* items = at.value.if_array();
  if (const auto* schema = items ? at.rule("unevaluatedItems") : nullptr) {
    for (std::size_t i = at.seen->first_items; i < items->size(); ++i)
      if (!at.seen->indices.contains(i))
        good = fits(*schema, (*items)[i], json::Path{&at.path, {}, i}, nullptr) && good;
    at.seen->first_items = items->size();
  }
  const auto* fields = at.value.if_object();
  if (const auto* schema = fields ? at.rule("unevaluatedProperties") : nullptr) {
    for (const auto& [name, value] : *fields)
      if (at.seen->names.insert(name).second)
        good = fits(*schema, value, json::Path{&at.path, name}, nullptr) && good;
  }
  return good;
}

}  // namespace isa::sdk::schema
