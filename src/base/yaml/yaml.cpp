#include "base/yaml/yaml.h"

#include <yaml-cpp/yaml.h>

#include <fstream>
#include <sstream>

namespace isa {
namespace {

json::value scalar(const YAML::Node& node) {
  const auto& text = node.Scalar();
  if (node.Tag() == "!") return json::value(text);  // Quoted.
  if (text == "null" || text == "~" || text.empty()) return nullptr;
  if (text == "true" || text == "false") return text == "true";
  std::int64_t integer = 0;
  if (YAML::convert<std::int64_t>::decode(node, integer)) return integer;
  double number = 0;
  if (YAML::convert<double>::decode(node, number)) return number;
  return json::value(text);
}

Result<json::value> to_json(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Undefined:
    case YAML::NodeType::Null: return json::value(nullptr);
    case YAML::NodeType::Scalar: return scalar(node);
    case YAML::NodeType::Sequence: {
      json::array list;
      for (const auto& item : node) {
        ISA_TRY(auto value, to_json(item));
        list.push_back(std::move(value));
      }
      return json::value(std::move(list));
    }
    case YAML::NodeType::Map: {
      json::object object;
      for (const auto& entry : node) {
        const auto& key = entry.first.Scalar();
        if (object.contains(key))
          return validation_error("line {}: the key '{}' is there twice", entry.first.Mark().line + 1, key);
        ISA_TRY(auto value, to_json(entry.second));
        object.emplace(key, std::move(value));
      }
      return json::value(std::move(object));
    }
  }
  return json::value(nullptr);
}

}  // namespace

Result<json::value> parse_yaml(const std::string& text) {
  try {
    return to_json(YAML::Load(text));
  } catch (const YAML::Exception& e) {
    return validation_error("line {}, column {}: {}", e.mark.line + 1, e.mark.column + 1, e.msg);
  }
}

Result<json::value> read_yaml(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) return validation_error("the file cannot be read");
  return parse_yaml(text.str());
}

}  // namespace isa
