#include "sdk/schema/strict_mode.h"

#include <algorithm>
#include <array>

namespace isa::sdk::schema {
namespace {

constexpr int kDepthMax = 10;
constexpr std::size_t kPropertiesMax = 5'000;
constexpr std::size_t kEnumMax = 1'000;       // Values of all of them.
constexpr std::size_t kTextMax = 120'000;     // Characters of names, enum and const values.
constexpr std::size_t kLongEnum = 250;        // An enum with more values than this has at most
constexpr std::size_t kLongEnumMax = 15'000;  // so many characters.

constexpr std::array<std::string_view, 20> kKeywords{"type",        "properties",
                                                     "required",    "additionalProperties",
                                                     "items",       "enum",
                                                     "const",       "anyOf",
                                                     "$ref",        "$defs",
                                                     "definitions", "title",
                                                     "pattern",     "format",
                                                     "multipleOf",  "maximum",
                                                     "minimum",     "exclusiveMaximum",
                                                     "description", "exclusiveMinimum"};
constexpr std::array<std::string_view, 3> kMoreKeywords{"minItems", "maxItems", "$schema"};
constexpr std::array<std::string_view, 9> kFormats{"date-time", "time", "date", "duration", "email",
                                                   "hostname",  "ipv4", "ipv6", "uuid"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::size_t text_size(const json::value& value) {
  return json::serialize(value).size();
}

class Subset {
 public:
  bool takes_root(const json::object& schema) {
    const auto* type = schema.if_contains("type");
    return type && *type == "object" && !schema.contains("anyOf") && takes(schema, 1) &&
           properties_ <= kPropertiesMax && enum_values_ <= kEnumMax && text_ <= kTextMax;
  }

 private:
  bool takes_value(const json::value& schema, int depth) {
    return schema.is_object() && takes(schema.get_object(), depth);
  }

  bool takes(const json::object& schema, int depth) {
    if (depth > kDepthMax) return false;
    for (const auto& field : schema)
      if (!holds(kKeywords, field.key()) && !holds(kMoreKeywords, field.key())) return false;
    if (!takes_definitions(schema, depth)) return false;
    if (schema.contains("$ref")) return schema.size() == 1;
    if (!takes_enum(schema)) return false;
    if (const auto* format = schema.if_contains("format"))
      if (!format->is_string() || !holds(kFormats, format->get_string())) return false;
    if (const auto* any = schema.if_contains("anyOf")) {
      const auto* list = any->if_array();
      return list && !schema.contains("properties") &&
             std::ranges::all_of(*list, [&](const json::value& one) { return takes_value(one, depth); });
    }
    if (!schema.contains("type")) return false;
    if (is_of(schema, "object") && !takes_object(schema, depth)) return false;
    const auto* items = schema.if_contains("items");
    return is_of(schema, "array") ? items && takes_value(*items, depth) : !items;
  }

  static bool is_of(const json::object& schema, std::string_view type) {
    const auto& is = schema.at("type");
    const auto* list = is.if_array();
    const auto is_it = [&](const json::value& one) { return one == json::value(type); };
    return list ? std::ranges::any_of(*list, is_it) : is_it(is);
  }

  bool takes_definitions(const json::object& schema, int depth) {
    for (const auto key : {"$defs", "definitions"}) {
      const auto* named = schema.if_contains(key);
      if (!named) continue;
      if (!named->is_object()) return false;
      for (const auto& [name, one] : named->get_object()) {
        text_ += name.size();
        if (!takes_value(one, depth)) return false;
      }
    }
    return true;
  }

  bool takes_enum(const json::object& schema) {
    if (const auto* only = schema.if_contains("const")) text_ += text_size(*only);
    const auto* options = schema.if_contains("enum");
    if (!options) return true;
    if (!options->is_array() || options->get_array().empty()) return false;
    const auto size = text_size(*options);
    const auto count = options->get_array().size();
    text_ += size;
    enum_values_ += count;
    return count <= kLongEnum || size <= kLongEnumMax;
  }

  bool takes_object(const json::object& schema, int depth) {
    const auto* more = schema.if_contains("additionalProperties");
    const auto* properties = schema.if_contains("properties");
    const auto* required = schema.if_contains("required");
    if (!more || *more != json::value(false) || !properties || !properties->is_object()) return false;
    if (!required || !required->is_array()) return false;
    const auto& names = required->get_array();
    if (names.size() != properties->get_object().size()) return false;
    for (const auto& [name, property] : properties->get_object()) {
      text_ += name.size();
      ++properties_;
      if (std::ranges::find(names, json::value(name)) == names.end()) return false;
      if (!takes_value(property, depth + 1)) return false;
    }
    return true;
  }

  std::size_t properties_ = 0, enum_values_ = 0, text_ = 0;
};

}  // namespace

bool fits_strict_mode(const json::object& schema) {
  return Subset().takes_root(schema);
}

}  // namespace isa::sdk::schema
