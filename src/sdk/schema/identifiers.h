// What a schema calls itself, and what its references mean by it (RFC 3986, $id, $anchor, JSON pointers).
#pragma once

#include "base/json.h"

#include <map>
#include <optional>

namespace isa::sdk::schema {

// The address of a schema that says none.
inline constexpr std::string_view kRootUri = "schema://root/";

std::string resolved_uri(const std::string& base, std::string_view reference);
// As whoever wrote the schema would say it.
std::string_view without_root(std::string_view uri);

class Identifiers {
 public:
  void add_root(const json::value& schema);
  // Notes the names of one schema. `base` is the address of the schema around it, and becomes its own.
  Result<void> add(const json::value& schema, const json::Path& at, std::string& base);

  struct Target {
    const json::value* schema;
    std::string base;  // Against which its own references are resolved.
  };
  std::optional<Target> find(std::string_view uri) const;

 private:
  std::optional<Target> follow(const json::value& from, std::string base, std::string_view pointer) const;

  std::map<std::string, const json::value*, std::less<>> documents_;  // By address, without fragment.
  std::map<std::string, Target, std::less<>> anchors_;                // By address and "#name".
};

}  // namespace isa::sdk::schema
