// The JSON Schema (draft 7) of a described struct: what json::read accepts is what a model is told.
//
//   struct Weather {
//     std::string city;
//     std::optional<Unit> unit;                                   // not required
//     static constexpr auto descriptions = std::to_array<std::pair<std::string_view, std::string_view>>(
//         {{"city", "Name of the city, in English"}});            // may be left out
//   };
//   BOOST_DESCRIBE_STRUCT(Weather, (), (city, unit))
//
// Known are bool, integers, double, std::string, described enumerations and structs, and vector, map (of
// strings) and optional of these; json::object and json::value stand for anything.
#pragma once

#include "base/json.h"

#include <array>
#include <utility>

namespace isa::sdk {

template <json::detail::Described T>
json::object schema_of();

namespace detail {

template <class T>
struct SchemaOf;

template <>
struct SchemaOf<bool> {
  static json::object make() { return {{"type", "boolean"}}; }
};
template <>
struct SchemaOf<double> {
  static json::object make() { return {{"type", "number"}}; }
};
template <>
struct SchemaOf<std::string> {
  static json::object make() { return {{"type", "string"}}; }
};
template <>
struct SchemaOf<json::object> {
  static json::object make() { return {{"type", "object"}}; }
};
template <>
struct SchemaOf<json::value> {
  static json::object make() { return {}; }
};
template <std::integral T>
struct SchemaOf<T> {
  static json::object make() {
    json::object schema{{"type", "integer"}};
    if constexpr (std::is_unsigned_v<T>) schema["minimum"] = 0;
    return schema;
  }
};
template <json::detail::DescribedEnum T>
struct SchemaOf<T> {
  static json::object make() {
    json::array names;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<T>>(
        [&](auto d) { names.emplace_back(json::detail::wire_name(d.name)); });
    return {{"type", "string"}, {"enum", std::move(names)}};
  }
};
template <class T>
struct SchemaOf<std::optional<T>> : SchemaOf<T> {};
template <class T>
struct SchemaOf<std::vector<T>> {
  static json::object make() { return {{"type", "array"}, {"items", SchemaOf<T>::make()}}; }
};
template <class T>
struct SchemaOf<std::map<std::string, T>> {
  static json::object make() { return {{"type", "object"}, {"additionalProperties", SchemaOf<T>::make()}}; }
};
template <json::detail::Described T>
struct SchemaOf<T> {
  static json::object make() { return schema_of<T>(); }
};

template <class T>
concept HasDescriptions = requires { T::descriptions; };

}  // namespace detail

template <json::detail::Described T>
json::object schema_of() {
  json::object properties;
  json::array required;
  boost::mp11::mp_for_each<json::detail::Members<T>>([&](auto d) {
    using Member = std::remove_cvref_t<decltype(std::declval<T>().*d.pointer)>;
    const auto name = json::detail::wire_name(d.name);
    auto schema = detail::SchemaOf<Member>::make();
    if constexpr (detail::HasDescriptions<T>) {
      for (const auto& [of, text] : T::descriptions)
        if (of == name) schema["description"] = text;
    }
    properties[name] = std::move(schema);
    if (!json::detail::is_optional<Member>::value && !json::detail::HasDefaults<T>)
      required.emplace_back(name);
  });
  json::object schema{{"type", "object"}, {"properties", std::move(properties)}};
  schema["additionalProperties"] = json::detail::IgnoresUnknown<T>;
  if (!required.empty()) schema["required"] = std::move(required);
  return schema;
}

}  // namespace isa::sdk
