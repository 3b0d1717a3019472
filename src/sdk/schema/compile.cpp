// Reads a schema: the shape of its keywords, its patterns, where its references lead.
#include "sdk/schema/identifiers.h"
#include "sdk/schema/keywords.h"
#include "sdk/schema/schema.h"

#include <set>

namespace isa::sdk::schema {

// Walks every place where a schema may stand; its identifiers are known first, since a reference may point
// forward.
class Compiler {
 public:
  explicit Compiler(Schema& to) : to_(to) {}

  Result<void> run() {
    const auto& root = *to_.document_;
    identifiers_.add_root(root);
    ISA_TRYV(visit(root, json::Path{}, std::string(kRootUri)));
    while (!references_.empty()) {
      const auto references = std::exchange(references_, {});
      for (const auto& reference : references) ISA_TRYV(resolve(reference));
    }
    return check_ends();
  }

 private:
  struct Reference {
    const json::object* from;
    std::string uri, at;
  };

  Result<void> visit(const json::value& schema, const json::Path& at, std::string base) {
    if (schema.is_bool()) return ok();
    const auto* fields = schema.if_object();
    if (!fields) return json::broken_rule(at, "a schema is an object, true or false");
    if (!visited_.insert(fields).second) return ok();
    const bool is_reference_alone = to_.draft_ == Draft::seven && fields->contains("$ref");
    if (!is_reference_alone) ISA_TRYV(identifiers_.add(schema, at, base));
    for (const auto& field : *fields) {
      if (is_reference_alone && field.key() != "$ref") continue;
      const json::Path here{&at, field.key()};
      ISA_TRYV(check_shape(field.key(), field.value(), here));
      ISA_TRYV(read(*fields, field.key(), field.value(), here, base));
    }
    return ok();
  }

  Result<void> read(const json::object& schema, std::string_view key, const json::value& value,
                    const json::Path& at, const std::string& base) {
    if (key == "$ref") {
      references_.push_back({&schema, resolved_uri(base, value.get_string()), at.pointer()});
      return ok();
    }
    if (key == "pattern") return add_pattern(value.get_string(), at);
    const auto holds = subschemas_of(key, value);
    if (holds == Subschemas::one) return visit(value, at, base);
    if (holds == Subschemas::list) {
      for (std::size_t i = 0; i < value.get_array().size(); ++i)
        ISA_TRYV(visit(value.get_array()[i], json::Path{&at, {}, i}, base));
    }
    if (holds != Subschemas::named) return ok();
    for (const auto& [name, schema_of_name] : value.get_object()) {
      const json::Path here{&at, name};
      if (key == "patternProperties") ISA_TRYV(add_pattern(name, here));
      if (key == "dependencies" && schema_of_name.is_array()) continue;
      ISA_TRYV(visit(schema_of_name, here, base));
    }
    return ok();
  }

  Result<void> add_pattern(std::string_view text, const json::Path& at) {
    if (to_.patterns_.contains(text)) return ok();
    auto pattern = Pattern::parse(text);
    if (!pattern) return json::broken_rule(at, pattern.error().message());
    pattern_sizes_ += pattern->size();
    if (pattern_sizes_ > kPatternsMax) return json::broken_rule(at, "the patterns are too large together");
    to_.patterns_.emplace(text, *std::move(pattern));
    return ok();
  }

  Result<void> resolve(const Reference& reference) {
    const auto target = identifiers_.find(reference.uri);
    if (!target)
      return validation_error("{}: there is nothing at '{}'; a schema may refer only to itself", reference.at,
                              without_root(reference.uri));
    to_.targets_[reference.from] = target->schema;
    // A pointer may lead to where no keyword expects a schema.
    return visit(*target->schema, json::Path{}, target->base);
  }

  // A schema that stands in its own place again would be looked at without end.
  Result<void> check_ends() {
    for (const auto* schema : visited_) ISA_TRYV(check_end(*schema));
    return ok();
  }
  Result<void> check_end(const json::object& schema) {
    if (done_.contains(&schema)) return ok();
    if (!open_.insert(&schema).second)
      return validation_error(
          "the schema refers to itself without an end ($ref, allOf, anyOf, oneOf, not, if)");
    if (open_.size() > kInPlaceMax) return validation_error("the schema nests too deeply");
    if (const auto target = to_.targets_.find(&schema); target != to_.targets_.end())
      ISA_TRYV(check_end_of(*target->second));
    for (const auto& field : schema) {
      if (!is_in_place(field.key())) continue;
      ISA_TRYV(check_end_of(field.value()));
      if (const auto* items = field.value().if_array())
        for (const auto& item : *items) ISA_TRYV(check_end_of(item));
      if (const auto* named = field.key().starts_with("depend") ? field.value().if_object() : nullptr)
        for (const auto& one : *named) ISA_TRYV(check_end_of(one.value()));
    }
    open_.erase(&schema);
    done_.insert(&schema);
    return ok();
  }
  Result<void> check_end_of(const json::value& schema) {
    const auto* fields = schema.if_object();
    return fields && visited_.contains(fields) ? check_end(*fields) : ok();
  }

  static constexpr std::size_t kInPlaceMax = 100;
  static constexpr std::size_t kPatternsMax = 100'000;  // Instructions.

  Schema& to_;
  Identifiers identifiers_;
  std::vector<Reference> references_;
  std::size_t pattern_sizes_ = 0;
  std::set<const json::object*> visited_, open_, done_;
};

namespace {

Draft draft_of(const json::value& document) {
  const auto* fields = document.if_object();
  const auto* named = fields ? fields->if_contains("$schema") : nullptr;
  const auto* uri = named ? named->if_string() : nullptr;
  const auto is_old = [&](std::string_view name) {
    return uri && std::string_view(*uri).find(name) != std::string_view::npos;
  };
  return is_old("draft-07") || is_old("draft-06") || is_old("draft-04") ? Draft::seven : Draft::latest;
}

}  // namespace

Result<Schema> Schema::compile(json::value document) {
  Schema schema;
  schema.draft_ = draft_of(document);
  schema.document_ = std::make_unique<const json::value>(std::move(document));
  ISA_TRYV(Compiler(schema).run());
  return schema;
}

}  // namespace isa::sdk::schema
