#include "sdk/schema/canonical.h"

#include "base/json_text.h"

#include <algorithm>
#include <cmath>

namespace isa::sdk::schema {
namespace {

void append(std::string& to, const json::value& value);

void append_object(std::string& to, const json::object& fields) {
  std::vector<const json::object::value_type*> sorted;
  for (const auto& field : fields) sorted.push_back(&field);
  std::ranges::sort(sorted, {}, [](const auto* field) { return std::string_view(field->key()); });
  to += '{';
  for (const auto* field : sorted) {
    json::append_string(to, field->key());
    to += ':';
    append(to, field->value());
    to += ',';
  }
  to += '}';
}

void append(std::string& to, const json::value& value) {
  if (const auto* fields = value.if_object()) return append_object(to, *fields);
  if (const auto* items = value.if_array()) {
    to += '[';
    for (const auto& item : *items) {
      append(to, item);
      to += ',';
    }
    to += ']';
  } else if (value.is_double() && value.get_double() == std::floor(value.get_double()) &&
             std::abs(value.get_double()) < 9e18) {
    to += std::to_string(static_cast<std::int64_t>(value.get_double()));
  } else {
    to += json::serialize(value);
  }
}

}  // namespace

std::string canonical(const json::value& value) {
  std::string to;
  append(to, value);
  return to;
}

}  // namespace isa::sdk::schema
