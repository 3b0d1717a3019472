// What stands in arrays and objects.
#include "sdk/schema/evaluation.h"

namespace isa::sdk::schema {

bool Evaluation::array(const Place& at) {
  const auto* values = at.value.if_array();
  if (!values) return true;
  bool good = counted(at, "maxItems", "minItems", values->size(), "items");
  good = unique(at, *values) && good;
  good = items(at, *values) && good;
  return contained(at, *values) && good;
}

bool Evaluation::unique(const Place& at, const json::array& values) {
  const auto* asked = at.rule("uniqueItems");
  if (!asked || !asked->get_bool()) return true;
  std::set<std::string> found;
  for (std::size_t i = 0; i < values.size() && spend(1); ++i)
    if (!found.insert(canonical_of(values[i])).second)
      return say(json::Path{&at.path, {}, i}, "is there twice; the items must differ");
  return true;
}

bool Evaluation::items(const Place& at, const json::array& values) {
  const auto* rest = at.rule("items");
  const auto* first = at.rule("prefixItems");
  if (rest && rest->is_array()) {  // As draft 7 has it.
    first = rest;
    rest = at.rule("additionalItems");
  }
  const auto count = first ? std::min(first->get_array().size(), values.size()) : 0;
  bool good = true;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i >= count && !rest) break;
    const auto& schema = i < count ? first->get_array()[i] : *rest;
    good = fits(schema, values[i], json::Path{&at.path, {}, i}, nullptr) && good;
    if (!good && !is_heard()) return false;
  }
  if (at.seen) at.seen->first_items = std::max(at.seen->first_items, rest ? values.size() : count);
  return good;
}

bool Evaluation::contained(const Place& at, const json::array& values) {
  const auto* schema = at.rule("contains");
  if (!schema) return true;
  std::size_t count = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!fits_quietly(*schema, values[i], json::Path{&at.path, {}, i}, nullptr)) continue;
    ++count;
    if (at.seen) at.seen->indices.insert(i);
  }
  if (count == 0 && !at.rule("minContains")) return say(at.path, "has no item of those that it must contain");
  return counted(at, "maxContains", "minContains", count, "items of those that it must contain");
}

bool Evaluation::object(const Place& at) {
  const auto* fields = at.value.if_object();
  if (!fields) return true;
  bool good = counted(at, "maxProperties", "minProperties", fields->size(), "properties");
  good = required(at, *fields, at.rule("required")) && good;
  good = property_names(at, *fields) && good;
  good = properties(at, *fields) && good;
  return dependent(at, *fields) && good;
}

bool Evaluation::required(const Place& at, const json::object& fields, const json::value* names) {
  bool good = true;
  const auto* list = names ? names->if_array() : nullptr;
  for (std::size_t i = 0; list && i < list->size(); ++i)
    if (spend(1) && !fields.contains((*list)[i].get_string())) good = say(at.path, "lacks", (*list)[i]);
  return good;
}

bool Evaluation::property_names(const Place& at, const json::object& fields) {
  const auto* schema = at.rule("propertyNames");
  if (!schema) return true;
  bool good = true;
  for (const auto& field : fields) {
    const json::value name(field.key());
    good = fits(*schema, name, json::Path{&at.path, field.key()}, nullptr) && good;
  }
  return good;
}

bool Evaluation::properties(const Place& at, const json::object& fields) {
  const auto* named = at.rule("properties");
  const auto* matched = at.rule("patternProperties");
  const auto* others = at.rule("additionalProperties");
  if (!named && !matched && !others) return true;
  bool good = true;
  for (const auto& [name, value] : fields) {
    const json::Path here{&at.path, name};
    bool is_known = false;
    if (const auto* schema = named ? named->get_object().if_contains(name) : nullptr) {
      is_known = true;
      good = fits(*schema, value, here, nullptr) && good;
    }
    for (std::size_t i = 0; matched && i < matched->get_object().size(); ++i) {
      const auto& [pattern, schema] = matched->get_object().begin()[static_cast<std::ptrdiff_t>(i)];
      if (!matches(pattern, name)) continue;
      is_known = true;
      good = fits(schema, value, here, nullptr) && good;
    }
    if (!is_known && others) {
      const bool is_wrong = others->is_bool() && !others->get_bool();
      good = (is_wrong ? say(here, "is no property that is allowed") : fits(*others, value, here, nullptr)) &&
             good;
    }
    if (at.seen && (is_known || others)) at.seen->names.insert(name);
    if (!spend(1) || (!good && !is_heard())) return false;
  }
  return good;
}

bool Evaluation::dependent(const Place& at, const json::object& fields) {
  bool good = true;
  for (const auto key : {"dependentRequired", "dependentSchemas", "dependencies"}) {
    const auto* rules = at.rule(key);
    if (!rules) continue;
    for (const auto& [name, needs] : rules->get_object()) {
      if (!fields.contains(name)) continue;
      good =
          (needs.is_array() ? required(at, fields, &needs) : fits(needs, at.value, at.path, at.seen)) && good;
    }
  }
  return good;
}

}  // namespace isa::sdk::schema
