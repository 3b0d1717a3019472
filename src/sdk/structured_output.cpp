#include "sdk/structured_output.h"

#include "sdk/schema/schema.h"
#include "sdk/schema/strict_mode.h"

#include <fmt/ranges.h>

namespace isa::sdk {
namespace {

constexpr std::size_t kSchemaMax = 64 << 10;  // Bytes.
constexpr std::size_t kViolationsMax = 5;     // Named to the model.
constexpr std::string_view kFormatName = "isa_answer";

// The text between the first ``` line and the next, or all of it.
std::string_view json_text(std::string_view answer) {
  const auto open = answer.find("```");
  if (open == std::string_view::npos) return answer;
  const auto begin = answer.find('\n', open);
  const auto end = begin == std::string_view::npos ? begin : answer.find("```", begin);
  if (end == std::string_view::npos) return answer;
  return answer.substr(begin, end - begin);
}

// JSON that is one value as it stands may have ``` in a string.
Result<json::value> json_of(std::string_view answer) {
  auto whole = json::parse(answer);
  return whole ? std::move(whole) : json::parse(json_text(answer));
}

}  // namespace

Result<void> check_output_schema(const json::object& schema) {
  if (json::serialize(schema).size() > kSchemaMax)
    return validation_error("a schema has at most {} kB", kSchemaMax >> 10);
  if (const auto compiled = schema::Schema::compile(schema); !compiled)
    return validation_error("the schema cannot be used: {}", compiled.error().message());
  return ok();
}

Result<json::value> structured_output(const json::object& schema, std::string_view answer) {
  auto value = json_of(answer);
  if (!value) return validation_error("it is not JSON: {}", value.error().message());
  ISA_TRY(const auto compiled, schema::Schema::compile(schema));
  ISA_TRY(const auto violations, compiled.check(*value, kViolationsMax));
  if (violations.empty()) return *std::move(value);
  return validation_error("it does not fit the schema: {}", fmt::join(violations, "; "));
}

std::string structured_output_prompt(const json::object& schema) {
  return "Your last message must be one JSON value that fits this JSON Schema, and nothing else:\n" +
         json::serialize(schema);
}

std::optional<json::object> structured_output_format(const json::object& schema) {
  if (schema.empty()) return std::nullopt;
  json::object named;
  named["name"] = kFormatName;
  named["schema"] = schema;
  if (schema::fits_strict_mode(schema)) named["strict"] = true;
  json::object format;
  format["type"] = "json_schema";
  format["json_schema"] = std::move(named);
  return format;
}

const json::object* own_output_schema(const std::optional<json::object>& format) {
  const auto* named = format ? format->if_contains("json_schema") : nullptr;
  const auto* fields = named ? named->if_object() : nullptr;
  const auto* name = fields ? fields->if_contains("name") : nullptr;
  const auto* schema = fields ? fields->if_contains("schema") : nullptr;
  return name && *name == json::value(kFormatName) && schema ? schema->if_object() : nullptr;
}

}  // namespace isa::sdk
