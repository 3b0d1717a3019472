#include "app/manifest.h"

#include "base/yaml/yaml.h"

namespace isa::app {

Result<json::object> read_manifest_file(const std::string& file) {
  auto document = read_yaml(file);
  if (!document)
    return validation_error("the manifest {} cannot be read: {}", file, document.error().message());
  if (!document->is_object())
    return validation_error(
        "the manifest {} is no object: write the fields of an agent, or of a team with "
        "`agents`, as `name: value`",
        file);
  return std::move(document->get_object());
}

Result<std::string> take_text(json::object& manifest, std::string_view key, const std::string& file) {
  const auto* value = manifest.if_contains(key);
  if (!value) return std::string();
  if (!value->is_string())
    return validation_error("the manifest {} has a `{}` that is no text: {}; write it in quotes", file, key,
                            json::serialize(*value));
  std::string text(value->get_string());
  manifest.erase(key);
  return text;
}

}  // namespace isa::app
