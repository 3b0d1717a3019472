#include "model/anthropic/anthropic_wire.h"

#include <algorithm>
#include <array>
#include <set>

namespace isa::model::anthropic {
namespace {

constexpr std::array<std::string_view, 10> kFormats{"date-time", "time", "date", "duration", "email",
                                                    "hostname",  "uri",  "ipv4", "ipv6",     "uuid"};
// These say what a property may be beside its own: closing the object would forbid it.
constexpr std::array<std::string_view, 9> kOpening{
    "allOf", "if",         "then", "else", "dependentSchemas", "dependencies", "patternProperties",
    "not",   "$dynamicRef"};
constexpr std::array<std::string_view, 5> kSilent{"$schema", "$id", "$comment", "default", "examples"};

template <std::size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool is_scalar(const json::value& value) {
  return !value.is_object() && !value.is_array();
}

class Conversion {
 public:
  explicit Conversion(const json::object& root) : root_(root) {}

  std::optional<json::object> run() { return convert(root_); }

 private:
  // What is left of a schema while its keywords are taken, and what becomes of it.
  struct Work {
    json::object rest, to;
    void keep(std::string_view key) {
      if (const auto* value = rest.if_contains(key)) to[key] = *value;
      rest.erase(key);
    }
    bool is_of(std::string_view type) const {
      const auto* is = to.if_contains("type");
      const auto* list = is ? is->if_array() : nullptr;
      if (list) return std::ranges::find(*list, json::value(type)) != list->end();
      return is && *is == json::value(type);
    }
  };

  std::optional<json::object> convert(const json::value& from) {
    return from.is_object() ? convert(from.get_object()) : std::nullopt;
  }

  std::optional<json::object> convert(const json::object& from) {
    for (const auto key : kOpening)
      if (from.contains(key)) return std::nullopt;
    Work work{from, {}};
    const bool is_said = definitions(work) && (from.contains("$ref") ? reference(work) : described(work));
    if (!is_said) return std::nullopt;
    return std::move(work.to);
  }

  bool described(Work& work) {
    for (const auto key : {"type", "title", "description"}) work.keep(key);
    keep_scalars(work);
    if (!alternatives(work)) return false;
    if (!work.to.contains("type") && work.rest.contains("properties")) work.to["type"] = "object";
    constexpr std::array<std::string_view, 4> kSaying{"type", "anyOf", "enum", "const"};
    if (std::ranges::none_of(kSaying, [&](auto key) { return work.to.contains(key); })) return false;
    if (work.is_of("object") && !object(work)) return false;
    if (work.is_of("array") && !array(work)) return false;
    note_rest(work);
    return true;
  }

  bool definitions(Work& work) {
    for (const auto key : {"$defs", "definitions"}) {
      const auto* named = work.rest.if_contains(key);
      if (!named) continue;
      json::object converted;
      if (!named->is_object()) return false;
      for (const auto& [name, schema] : named->get_object()) {
        auto one = convert(schema);
        if (!one) return false;
        converted[name] = *std::move(one);
      }
      work.to[key] = std::move(converted);
      work.rest.erase(key);
    }
    return true;
  }

  bool reference(Work& work) {
    const auto* text = work.rest.at("$ref").if_string();
    const std::string to = text ? std::string(*text) : std::string();
    work.keep("$ref");
    if (checked_.contains(to)) return true;
    if (!open_.insert(to).second) return false;  // It holds itself.
    const auto* target = definition(to);
    if (!target || !convert(*target)) return false;
    open_.erase(to);
    checked_.insert(to);
    return true;
  }

  const json::value* definition(std::string_view reference) const {
    for (const std::string_view key : {"$defs", "definitions"}) {
      const auto begin = fmt::format("#/{}/", key);
      const auto* named = reference.starts_with(begin) ? root_.if_contains(key) : nullptr;
      const auto* fields = named ? named->if_object() : nullptr;
      if (fields) return fields->if_contains(reference.substr(begin.size()));
    }
    return nullptr;
  }

  static void keep_scalars(Work& work) {
    for (const auto key : {"enum", "const"}) {
      const auto* value = work.rest.if_contains(key);
      if (!value) continue;
      const auto* list = value->if_array();
      if (list ? std::ranges::all_of(*list, is_scalar) : is_scalar(*value)) work.keep(key);
    }
    const auto* format = work.rest.if_contains("format");
    if (format && format->is_string() && holds(kFormats, format->get_string())) work.keep("format");
  }

  bool alternatives(Work& work) {
    for (const auto key : {"anyOf", "oneOf"}) {
      const auto* list = work.rest.if_contains(key);
      if (!list) continue;
      if (!list->is_array() || work.to.contains("anyOf") || work.rest.contains("properties")) return false;
      json::array converted;
      for (const auto& schema : list->get_array()) {
        auto one = convert(schema);
        if (!one) return false;
        converted.push_back(*std::move(one));
      }
      work.to["anyOf"] = std::move(converted);
      work.rest.erase(key);
    }
    return true;
  }

  // The dialect wants every object closed.
  bool object(Work& work) {
    const auto* more = work.rest.if_contains("additionalProperties");
    if (more && more->is_object()) return false;
    const auto* properties = work.rest.if_contains("properties");
    const bool is_closed = more && *more == json::value(false);
    if (!is_closed && (!properties || !properties->is_object() || properties->get_object().empty()))
      return false;
    json::object converted;
    if (properties && properties->is_object()) {
      for (const auto& [name, schema] : properties->get_object()) {
        auto one = convert(schema);
        if (!one) return false;
        converted[name] = *std::move(one);
      }
    }
    const auto* required = work.rest.if_contains("required");
    if (required && required->is_array())
      for (const auto& name : required->get_array())
        if (!name.is_string() || !converted.contains(name.get_string())) return false;
    work.to["properties"] = std::move(converted);
    work.to["additionalProperties"] = false;
    work.keep("required");
    work.rest.erase("properties");
    work.rest.erase("additionalProperties");
    return true;
  }

  bool array(Work& work) {
    const auto* items = work.rest.if_contains("items");
    auto converted = items && !work.rest.contains("prefixItems") ? convert(*items) : std::nullopt;
    if (!converted) return false;
    work.to["items"] = *std::move(converted);
    work.rest.erase("items");
    const auto* least = work.rest.if_contains("minItems");
    if (least && (*least == json::value(0) || *least == json::value(1))) work.keep("minItems");
    return true;
  }

  // What the dialect cannot hold a model to, the model is told.
  static void note_rest(Work& work) {
    for (const auto key : kSilent) work.rest.erase(key);
    if (work.rest.empty()) return;
    const auto* said = work.to.if_contains("description");
    const auto* text = said ? said->if_string() : nullptr;
    work.to["description"] =
        (text ? std::string(*text) + "\n\n" : std::string()) + "It must fit: " + json::serialize(work.rest);
  }

  const json::object& root_;
  std::set<std::string> open_, checked_;  // References.
};

}  // namespace

std::optional<json::object> to_output_schema(const json::object& schema) {
  return Conversion(schema).run();
}

}  // namespace isa::model::anthropic
