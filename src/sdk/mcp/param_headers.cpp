#include "sdk/mcp/param_headers.h"

#include "base/base64.h"

#include <algorithm>
#include <set>

namespace isa::sdk::mcp {
namespace {

constexpr std::string_view kAnnotation = "x-mcp-header";
constexpr std::size_t kNameMax = 64;
constexpr std::size_t kDepthMax = 8;  // Of properties in properties.
constexpr std::size_t kHeadersMax = 64;

// A token (RFC 9110, section 5.6.2).
bool is_token(std::string_view text) {
  constexpr std::string_view kOther = "!#$%&'*+-.^_`|~";
  return !text.empty() && text.size() <= kNameMax && std::ranges::all_of(text, [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || kOther.contains(c);
  });
}

bool is_mirrored_type(const json::object& schema) {
  const auto* type = schema.if_contains("type");
  if (!type || !type->is_string()) return false;
  const std::string_view name = type->get_string();
  return name == "string" || name == "integer" || name == "boolean";
}

class Collector {
 public:
  Result<void> visit(const json::object& schema) {
    const auto* properties = schema.if_contains("properties");
    if (!properties || !properties->is_object() || path_.size() >= kDepthMax) return ok();
    for (const auto& [name, value] : properties->get_object()) {
      const auto* property = value.if_object();
      if (!property) continue;
      path_.emplace_back(name);
      ISA_TRYV(take(*property));
      ISA_TRYV(visit(*property));
      path_.pop_back();
    }
    return ok();
  }
  std::vector<ParamHeader> headers;

 private:
  Result<void> take(const json::object& property) {
    const auto* annotation = property.if_contains(kAnnotation);
    if (!annotation) return ok();
    const auto broken = [&](std::string_view why) {
      return validation_error("the {} of the parameter '{}' {}", kAnnotation, path_.back(), why);
    };
    if (!annotation->is_string() || !is_token(annotation->get_string()))
      return broken("is no name of a header");
    if (!is_mirrored_type(property))
      return broken("stands at something other than a string, integer or boolean");
    std::string name(annotation->get_string());
    std::string lower(name);
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!seen_.insert(std::move(lower)).second) return broken("is the name of another parameter's, too");
    if (headers.size() >= kHeadersMax) return broken("is one too many");
    headers.push_back({path_, "Mcp-Param-" + name});
    return ok();
  }

  std::vector<std::string> path_;
  std::set<std::string> seen_;
};

const json::value* at_path(const json::object& arguments, const std::vector<std::string>& path) {
  const json::value* found = nullptr;
  const auto* in = &arguments;
  for (const auto& name : path) {
    found = in ? in->if_contains(name) : nullptr;
    if (!found) return nullptr;
    in = found->if_object();
  }
  return found;
}

std::optional<std::string> text_of(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (value.is_bool()) return value.get_bool() ? "true" : "false";
  if (value.is_int64() || value.is_uint64()) return json::serialize(value);
  return std::nullopt;
}

}  // namespace

Result<std::vector<ParamHeader>> param_headers(const json::object& schema) {
  Collector collector;
  ISA_TRYV(collector.visit(schema));
  return std::move(collector.headers);
}

HeaderFields header_fields(const std::vector<ParamHeader>& headers, const json::object& arguments) {
  HeaderFields fields;
  for (const auto& header : headers) {
    const auto* value = at_path(arguments, header.path);
    if (auto text = value ? text_of(*value) : std::nullopt)
      fields.emplace_back(header.name, header_value(*text));
  }
  return fields;
}

std::string header_value(std::string_view text) {
  const bool is_plain = std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
  const bool is_padded = text.starts_with(' ') || text.ends_with(' ');
  const bool looks_encoded = text.starts_with("=?base64?") && text.ends_with("?=");
  if (is_plain && !is_padded && !looks_encoded) return std::string(text);
  return "=?base64?" + to_base64(text) + "?=";
}

}  // namespace isa::sdk::mcp
