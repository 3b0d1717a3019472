#include "sdk/schema/keywords.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace isa::sdk::schema {
namespace {

using json::Path;
using json::value;

constexpr std::array<std::string_view, 7> kTypes{"null",   "boolean", "object", "array",
                                                 "number", "string",  "integer"};

bool is_count(const value& from) {
  if (from.is_double()) {  // 2.0 is a whole number, too.
    const double number = from.get_double();
    return number >= 0 && number <= 1e15 && number == std::floor(number);
  }
  return from.is_uint64() || (from.is_int64() && from.get_int64() >= 0);
}
bool is_positive(const value& from) {
  return from.is_uint64() || (from.is_int64() && from.get_int64() > 0) ||
         (from.is_double() && from.get_double() > 0);
}
bool is_number(const value& from) {
  return from.is_number();
}
bool is_text(const value& from) {
  return from.is_string();
}
bool is_flag(const value& from) {
  return from.is_bool();
}
bool is_list(const value& from) {
  return from.is_array();
}
bool is_texts(const value& from) {
  return from.is_array() && std::ranges::all_of(from.get_array(), is_text);
}
bool is_type_name(const value& from) {
  return from.is_string() && std::ranges::find(kTypes, std::string_view(from.get_string())) != kTypes.end();
}
bool is_type(const value& from) {
  return is_type_name(from) || (from.is_array() && !from.get_array().empty() &&
                                std::ranges::all_of(from.get_array(), is_type_name));
}
bool is_lists_of_names(const value& from) {
  return from.is_object() &&
         std::ranges::all_of(from.get_object(), [](const auto& field) { return is_texts(field.value()); });
}
bool is_schema(const value& from) {
  return from.is_object() || from.is_bool();
}
bool is_schemas(const value& from) {
  return from.is_array() && !from.get_array().empty();
}
bool is_schema_or_schemas(const value& from) {
  return is_schema(from) || is_list(from);
}
bool is_named_schemas(const value& from) {
  return from.is_object();
}

struct Keyword {
  std::string_view name;
  bool (*fits)(const value&);
  std::string_view what;
  Subschemas holds = Subschemas::none;
  bool is_in_place = false;
};

constexpr std::array kKeywords{
    Keyword{"$ref", is_text, "a string"},
    Keyword{"$id", is_text, "a string"},
    Keyword{"$anchor", is_text, "a string"},
    Keyword{"$dynamicAnchor", is_text, "a string"},
    Keyword{"type", is_type, "a type of JSON Schema, or an array of them"},
    Keyword{"enum", is_list, "an array"},
    Keyword{"multipleOf", is_positive, "a number above 0"},
    Keyword{"maximum", is_number, "a number"},
    Keyword{"minimum", is_number, "a number"},
    Keyword{"exclusiveMaximum", is_number, "a number"},
    Keyword{"exclusiveMinimum", is_number, "a number"},
    Keyword{"maxLength", is_count, "a whole number that is not negative"},
    Keyword{"minLength", is_count, "a whole number that is not negative"},
    Keyword{"maxItems", is_count, "a whole number that is not negative"},
    Keyword{"minItems", is_count, "a whole number that is not negative"},
    Keyword{"maxContains", is_count, "a whole number that is not negative"},
    Keyword{"minContains", is_count, "a whole number that is not negative"},
    Keyword{"maxProperties", is_count, "a whole number that is not negative"},
    Keyword{"minProperties", is_count, "a whole number that is not negative"},
    Keyword{"pattern", is_text, "a string"},
    Keyword{"format", is_text, "a string"},
    Keyword{"uniqueItems", is_flag, "true or false"},
    Keyword{"required", is_texts, "an array of strings"},
    Keyword{"dependentRequired", is_lists_of_names, "an object of arrays of strings"},
    Keyword{"additionalItems", is_schema, "a schema", Subschemas::one},
    Keyword{"additionalProperties", is_schema, "a schema", Subschemas::one},
    Keyword{"contains", is_schema, "a schema", Subschemas::one},
    Keyword{"propertyNames", is_schema, "a schema", Subschemas::one},
    Keyword{"unevaluatedItems", is_schema, "a schema", Subschemas::one},
    Keyword{"unevaluatedProperties", is_schema, "a schema", Subschemas::one},
    Keyword{"items", is_schema_or_schemas, "a schema or an array of them", Subschemas::one},
    Keyword{"prefixItems", is_schemas, "an array of schemas", Subschemas::list},
    Keyword{"not", is_schema, "a schema", Subschemas::one, true},
    Keyword{"if", is_schema, "a schema", Subschemas::one, true},
    Keyword{"then", is_schema, "a schema", Subschemas::one, true},
    Keyword{"else", is_schema, "a schema", Subschemas::one, true},
    Keyword{"allOf", is_schemas, "an array of schemas", Subschemas::list, true},
    Keyword{"anyOf", is_schemas, "an array of schemas", Subschemas::list, true},
    Keyword{"oneOf", is_schemas, "an array of schemas", Subschemas::list, true},
    Keyword{"dependentSchemas", is_named_schemas, "an object of schemas", Subschemas::named, true},
    Keyword{"dependencies", is_named_schemas, "an object of schemas or arrays of strings", Subschemas::named,
            true},
    Keyword{"$defs", is_named_schemas, "an object of schemas", Subschemas::named},
    Keyword{"definitions", is_named_schemas, "an object of schemas", Subschemas::named},
    Keyword{"patternProperties", is_named_schemas, "an object of schemas", Subschemas::named},
    Keyword{"properties", is_named_schemas, "an object of schemas", Subschemas::named},
};

const Keyword* find(std::string_view key) {
  const auto found = std::ranges::find(kKeywords, key, &Keyword::name);
  return found == kKeywords.end() ? nullptr : &*found;
}

}  // namespace

Result<void> check_shape(std::string_view key, const json::value& from, const Path& at) {
  if (key == "$dynamicRef" || key == "$recursiveRef")
    return json::broken_rule(at, fmt::format("'{}' is not supported; use $ref", key));
  const auto* keyword = find(key);
  if (keyword && !keyword->fits(from)) return json::expected(at, keyword->what, from);
  return ok();
}

Subschemas subschemas_of(std::string_view key, const json::value& from) {
  if (key == "items" && from.is_array()) return Subschemas::list;  // Draft 7's prefixItems.
  const auto* keyword = find(key);
  return keyword ? keyword->holds : Subschemas::none;
}

bool is_in_place(std::string_view key) {
  const auto* keyword = find(key);
  return keyword && keyword->is_in_place;
}

}  // namespace isa::sdk::schema
