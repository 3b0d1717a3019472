#include "base/yaml/yaml.h"

#include "base/utf8.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <fstream>
#include <optional>
#include <sstream>

namespace isa {
namespace {

constexpr int kValuesMax = 100'000;
constexpr int kDepthMax = 64;

json::value typed(const YAML::Node& node) {
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

class Converter {
 public:
  explicit Converter(YamlScalars scalars) : scalars_(scalars) {}

  Result<json::value> convert(const YAML::Node& node, int depth = 1) {
    // An alias stands for its anchor as often as it is used: a few lines can mean billions of values.
    if (++count_ > kValuesMax || depth > kDepthMax)
      return validation_error("line {}: the document is too large or too deep", node.Mark().line + 1);
    switch (node.Type()) {
      case YAML::NodeType::Undefined:
      case YAML::NodeType::Null: return json::value(nullptr);
      case YAML::NodeType::Scalar:
        return scalars_ == YamlScalars::typed ? typed(node) : json::value(node.Scalar());
      case YAML::NodeType::Sequence: return list(node, depth);
      case YAML::NodeType::Map: return object(node, depth);
    }
    return json::value(nullptr);
  }

 private:
  Result<json::value> list(const YAML::Node& node, int depth) {
    json::array items;
    for (const auto& item : node) {
      ISA_TRY(auto value, convert(item, depth + 1));
      items.push_back(std::move(value));
    }
    return json::value(std::move(items));
  }

  Result<json::value> object(const YAML::Node& node, int depth) {
    json::object fields;
    for (const auto& entry : node) {
      const auto line = entry.first.Mark().line + 1;
      if (!entry.first.IsScalar()) return validation_error("line {}: a key must be a plain word", line);
      const auto& key = entry.first.Scalar();
      if (fields.contains(key)) return validation_error("line {}: the key '{}' is there twice", line, key);
      ISA_TRY(auto value, convert(entry.second, depth + 1));
      fields.emplace(key, std::move(value));
    }
    return json::value(std::move(fields));
  }

  YamlScalars scalars_;
  int count_ = 0;
};

// yaml-cpp counts no columns once the text has ended: what is missing there belongs to its last line.
std::string place_of(const YAML::Mark& mark, std::string_view text) {
  const auto last = text.find_last_not_of(" \t\r\n");
  if (mark.is_null() || last == text.npos) return "line 1";
  if (static_cast<std::size_t>(mark.pos) > last)
    return fmt::format("line {}, at the end", std::ranges::count(text.substr(0, last), '\n') + 1);
  return fmt::format("line {}, column {}", mark.line + 1, mark.column + 1);
}

// Where the content of a document begins, if it has any.
class DocumentWatch : public YAML::EventHandler {
 public:
  std::optional<int> line;

  void OnDocumentStart(const YAML::Mark&) override { line.reset(); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override { see(mark); }
  void OnScalar(const YAML::Mark& mark, const std::string&, YAML::anchor_t, const std::string&) override {
    see(mark);
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    see(mark);
  }
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark& mark, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    see(mark);
  }
  void OnMapEnd() override {}

 private:
  void see(const YAML::Mark& mark) {
    if (!line) line = mark.line + 1;
  }
};

// Not YAML::LoadAll: at some texts ("]") its parser goes no further, and it loads that for ever.
std::optional<int> second_document(const std::string& text) {
  constexpr int kEmptyMax = 16;  // Of documents without content that are passed over.
  std::istringstream stream(text);
  YAML::Parser parser(stream);
  DocumentWatch watch;
  for (int i = 0; i < kEmptyMax && parser.HandleNextDocument(watch); ++i)
    if (i > 0 && watch.line) return watch.line;
  return std::nullopt;
}

}  // namespace

Result<json::value> parse_yaml(const std::string& text, YamlScalars scalars) {
  try {
    const auto document = YAML::Load(text);
    if (const auto line = second_document(text))
      return validation_error("line {}: a second document begins here; write one, or a file for each", *line);
    return Converter(scalars).convert(document);
  } catch (const YAML::Exception& e) {
    return validation_error("{}: {}", place_of(e.mark, text), to_valid_utf8(e.msg));
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
