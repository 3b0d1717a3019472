#include "sdk/structured_output.h"

#define VALIJSON_USE_EXCEPTIONS 1  // Otherwise the library ends the process.

#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <set>

namespace isa::sdk {
namespace {

constexpr std::size_t kSchemaMax = 64 << 10;  // Bytes.
constexpr std::size_t kViolationsMax = 5;     // Named to the model.

// References to elsewhere would make the parser ask for documents, and regular expressions of strangers can
// be made to take forever (the library's are std::regex).
Result<void> check_keywords(const json::value& in) {
  if (const auto* items = in.if_array()) {
    for (const auto& item : *items) ISA_TRYV(check_keywords(item));
  } else if (const auto* fields = in.if_object()) {
    for (const auto& field : *fields) {
      if (field.key() == "$ref" &&
          !(field.value().is_string() && field.value().get_string().starts_with("#/")))
        return validation_error("the schema may refer only to itself: $ref must begin with '#/'");
      if ((field.key() == "pattern" && field.value().is_string()) || field.key() == "patternProperties")
        return validation_error(
            "the schema uses '{}', which is not supported; use enum, or describe it in words",
            std::string_view(field.key()));
      ISA_TRYV(check_keywords(field.value()));
    }
  }
  return ok();
}

// A schema that stands in its own place again (by $ref, allOf and the like) would be looked at without end.
class EndCheck {
 public:
  explicit EndCheck(const json::value& root) : root_(root) {}

  Result<void> check_all(const json::value& in) {
    if (in.is_object()) ISA_TRYV(check(in));
    if (const auto* items = in.if_array())
      for (const auto& item : *items) ISA_TRYV(check_all(item));
    if (const auto* fields = in.if_object())
      for (const auto& field : *fields) ISA_TRYV(check_all(field.value()));
    return ok();
  }

 private:
  Result<void> check(const json::value& schema) {
    const auto* fields = schema.if_object();
    if (!fields || done_.contains(&schema)) return ok();
    if (!open_.insert(&schema).second)
      return validation_error(
          "the schema refers to itself without an end ($ref, allOf, anyOf, oneOf, not, if)");
    for (const auto& field : *fields) ISA_TRYV(follow(field.key(), field.value()));
    open_.erase(&schema);
    done_.insert(&schema);
    return ok();
  }
  Result<void> follow(std::string_view key, const json::value& to) {
    if (key == "$ref" && to.is_string()) {
      boost::system::error_code none;
      const auto* target = root_.find_pointer(std::string_view(to.get_string()).substr(1), none);
      if (!target) return validation_error("the schema has nothing at {}", std::string_view(to.get_string()));
      return check(*target);
    }
    if (key == "not" || key == "if" || key == "then" || key == "else") return check(to);
    if (key != "allOf" && key != "anyOf" && key != "oneOf") return ok();
    if (const auto* items = to.if_array())
      for (const auto& item : *items) ISA_TRYV(check(item));
    return ok();
  }

  const json::value& root_;
  std::set<const json::value*> open_, done_;
};

Result<void> compile(const json::object& from, valijson::Schema& to) {
  const json::value document = from;
  try {
    valijson::SchemaParser(valijson::SchemaParser::kDraft7)
        .populateSchema(valijson::adapters::BoostJsonAdapter(document), to);
  } catch (const std::exception& e) {
    return validation_error("the schema is no JSON Schema that can be checked: {}", e.what());
  }
  return ok();
}

// The text between the first ``` line and the next, or all of it.
std::string_view json_text(std::string_view answer) {
  const auto open = answer.find("```");
  if (open == std::string_view::npos) return answer;
  const auto begin = answer.find('\n', open);
  const auto end = begin == std::string_view::npos ? begin : answer.find("```", begin);
  if (end == std::string_view::npos) return answer;
  return answer.substr(begin, end - begin);
}

std::string violations(valijson::ValidationResults& results) {
  std::string text;
  valijson::ValidationResults::Error error;
  for (std::size_t i = 0; i < kViolationsMax && results.popError(error); ++i) {
    std::string where;
    for (const auto& step : error.context) where += step;
    text += fmt::format("{}{}: {}", text.empty() ? "" : "; ", where.empty() ? "<root>" : where,
                        error.description);
  }
  return text;
}

}  // namespace

Result<void> check_output_schema(const json::object& schema) {
  if (json::serialize(schema).size() > kSchemaMax)
    return validation_error("a schema has at most {} kB", kSchemaMax >> 10);
  ISA_TRYV(check_keywords(schema));
  const json::value document = schema;
  ISA_TRYV(EndCheck(document).check_all(document));
  valijson::Schema compiled;
  return compile(schema, compiled);
}

Result<json::value> structured_output(const json::object& schema, std::string_view answer) {
  auto document = json::parse(json_text(answer));
  if (!document) return validation_error("it is not JSON: {}", document.error().message());
  valijson::Schema compiled;
  ISA_TRYV(compile(schema, compiled));
  valijson::ValidationResults results;
  try {
    valijson::Validator validator;
    if (validator.validate(compiled, valijson::adapters::BoostJsonAdapter(*document), &results))
      return *std::move(document);
  } catch (const std::exception& e) {
    return validation_error("it could not be checked: {}", e.what());
  }
  return validation_error("it does not fit the schema: {}", violations(results));
}

std::string structured_output_prompt(const json::object& schema) {
  return "Your last message must be one JSON value that fits this JSON Schema, and nothing else:\n" +
         json::serialize(schema);
}

}  // namespace isa::sdk
