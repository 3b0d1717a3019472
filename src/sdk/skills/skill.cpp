#include "sdk/skills/skill.h"

#include "base/utf8.h"
#include "base/yaml/yaml.h"

#include <re2/re2.h>

#include <algorithm>

namespace isa::sdk {
namespace {

struct FrontMatter {
  std::optional<std::string> name;
  std::optional<std::string> description;
  std::optional<std::string> license;
  std::optional<std::string> compatibility;
  std::optional<json::object> metadata;
  std::optional<std::string> allowed_tools;
};
BOOST_DESCRIBE_STRUCT(FrontMatter, (), (name, description, license, compatibility, metadata, allowed_tools))

constexpr std::string_view kAllowedTools = "allowed-tools";

template <class... Args>
Error broken(fmt::format_string<Args...> text, Args&&... args) {
  return validation_error("{}: {}", kSkillDocument, fmt::format(text, std::forward<Args>(args)...));
}

std::size_t characters(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

bool is_blank(std::string_view text) {
  return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

// Of no text, and what YAML's reader stumbles over.
bool is_control(char c) {
  return (static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\n' && c != '\r') || c == 0x7F;
}

std::string_view trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

// The line at the front of `text`, taken off it.
std::string_view take_line(std::string_view& text) {
  const auto end = std::min(text.find('\n'), text.size());
  const auto line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

bool is_fence(std::string_view line) {
  return line.starts_with("---") && is_blank(line.substr(3));
}

struct Halves {
  std::string front;
  std::string_view body;
};

Result<Halves> split(std::string_view text) {
  if (text.size() > kSkillDocumentMax)
    return payload_too_large("{} is larger than {} kB", kSkillDocument, kSkillDocumentMax >> 10);
  if (!is_utf8(text)) return broken("it is no UTF-8 text");
  if (std::ranges::any_of(text, is_control)) return broken("it holds control characters");
  auto rest = text;
  if (!is_fence(take_line(rest)))
    return broken("line 1: it must begin with a line of three hyphens, the begin of its front matter");
  const auto begin = rest;
  while (!rest.empty()) {
    const auto line = take_line(rest);
    if (!is_fence(line)) continue;
    const auto size = static_cast<std::size_t>(line.data() - begin.data());
    if (size > kSkillFrontMatterMax)
      return broken("the front matter is longer than {} kB", kSkillFrontMatterMax >> 10);
    // A line in front, so that line numbers are those of the file.
    return Halves{"\n" + std::string(begin.substr(0, size)), rest};
  }
  return broken("the front matter has no end: a line of three hyphens is missing");
}

// yaml-cpp takes the end of the text for the end of a quoted value (0.7 at least). A field that comes after
// it is swallowed then.
Result<void> check_quotes_end(const std::string& front) {
  constexpr std::string_view kLast = "after-the-last-field";
  const auto longer = parse_yaml(fmt::format("{}\n{}: x\n", front, kLast), YamlScalars::text);
  if (longer && longer->is_object() && longer->get_object().contains(kLast)) return ok();
  return broken("the front matter ends within a quoted value");
}

// The standard's word for it holds a hyphen, and some write a list.
Result<void> rename_allowed_tools(json::object& fields) {
  if (fields.contains("allowed_tools"))
    return broken("/allowed_tools: unknown field; write {}", kAllowedTools);
  const auto* given = fields.if_contains(kAllowedTools);
  if (!given) return ok();
  auto value = *given;
  if (const auto* list = given->if_array()) {
    std::string names;
    for (const auto& item : *list) {
      if (!item.is_string()) return broken("/{}: expected names separated by blanks", kAllowedTools);
      names += (names.empty() ? "" : " ") + std::string(item.get_string());
    }
    value = names;
  }
  fields.erase(kAllowedTools);
  fields["allowed_tools"] = std::move(value);
  return ok();
}

Result<std::string> required(std::string_view field, const std::optional<std::string>& value,
                             std::size_t max) {
  if (!value || is_blank(*value)) return broken("/{}: this field is required", field);
  auto text = std::string(trimmed(*value));
  if (characters(text) > max)
    return broken("/{}: at most {} characters; this has {}", field, max, characters(text));
  return text;
}

// The standard has texts there; lists and maps, which some write, are kept as JSON.
std::string text_of(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  return value.is_null() ? std::string() : json::serialize(value);
}

Result<SkillManifest> manifest_of(const FrontMatter& from) {
  SkillManifest manifest;
  ISA_TRY(manifest.name, required("name", from.name, kSkillNameMax));
  if (auto named = check_skill_name(manifest.name); !named)
    return broken("/name: {}", named.error().message());
  ISA_TRY(manifest.description, required("description", from.description, kSkillDescriptionMax));
  if (from.compatibility) {
    const auto length = characters(*from.compatibility);
    if (length > kSkillCompatibilityMax)
      return broken("/compatibility: at most {} characters; this has {}", kSkillCompatibilityMax, length);
  }
  manifest.license = from.license;
  manifest.compatibility = from.compatibility;
  for (const auto& entry : from.metadata.value_or(json::object()))
    manifest.metadata.emplace(entry.key(), text_of(entry.value()));
  manifest.allowed_tools = from.allowed_tools;
  return manifest;
}

Result<void> check_size(const std::vector<PackedFile>& files) {
  if (files.size() > kSkillFilesMax)
    return payload_too_large("a skill has at most {} files; this has {}", kSkillFilesMax, files.size());
  std::size_t bytes = 0;
  for (const auto& file : files) bytes += file.content.size();
  if (bytes > kSkillBytesMax)
    return payload_too_large("a skill has at most {} MB; this has {} bytes", kSkillBytesMax >> 20, bytes);
  return ok();
}

}  // namespace

Result<void> check_skill_name(std::string_view name) {
  static const RE2 good(R"([\p{Ll}\p{Lo}々ー0-9]+(-[\p{Ll}\p{Lo}々ー0-9]+)*)");
  // Letters of Unicode's Basic Multilingual Plane (15.0) that NFKC writes otherwise or puts together, and all
  // that is beyond it: 64 of those are no name of a file.
  static const RE2 unstable(
      R"([ªºĳŀŉſ\x{1c4}-\x{1cc}\x{1f1}-\x{1f3}\x{1100}-\x{11ff}\x{2071}-\x{2184}\x{3131}-\x{318e})"
      R"(\x{a960}-\x{a97c}\x{d7b0}-\x{d7fb}\x{f900}-\x{10ffff}\x{b5}\x{3d0}-\x{3d1}\x{3d5}-\x{3d6})"
      R"(\x{3f0}-\x{3f2}\x{3f5}\x{587}\x{675}-\x{678}\x{958}-\x{95f}\x{9dc}-\x{9dd}\x{9df}\x{a33})"
      R"(\x{a36}\x{a59}-\x{a5b}\x{a5e}\x{b5c}-\x{b5d}\x{e33}\x{eb3}\x{edc}-\x{edd}\x{f43}\x{f4d})"
      R"(\x{f52}\x{f57}\x{f5c}\x{f69}\x{1e9a}-\x{1e9b}\x{1f71}\x{1f73}\x{1f75}\x{1f77}\x{1f79})"
      R"(\x{1f7b}\x{1f7d}\x{1fbe}\x{1fd3}\x{1fe3}\x{309f}\x{30ff}])");
  if (characters(name) <= kSkillNameMax && is_utf8(name) && RE2::FullMatch(name, good) &&
      !RE2::PartialMatch(name, unstable))
    return ok();
  return validation_error(
      "a skill's name is 1 to {} lower-case letters, digits and single hyphens within, not '{}'",
      kSkillNameMax, to_valid_utf8(std::string(cut_utf8(name, 80))));
}

Result<SkillDoc> parse_skill(std::string_view text) {
  ISA_TRY(const auto halves, split(text));
  auto front = parse_yaml(halves.front, YamlScalars::text);
  if (!front) return broken("{}", front.error().message());
  if (front->is_null()) return broken("/name: this field is required");
  if (!front->is_object()) return broken("the front matter must be a list of fields, each `name: value`");
  ISA_TRYV(check_quotes_end(halves.front));
  ISA_TRYV(rename_allowed_tools(front->get_object()));
  const auto fields = json::read<FrontMatter>(*front);
  if (!fields) return broken("{}", fields.error().message());
  SkillDoc doc;
  ISA_TRY(doc.manifest, manifest_of(*fields));
  doc.body = std::string(trimmed(halves.body));
  return doc;
}

Result<SkillDoc> check_skill(std::string_view folder, const std::vector<PackedFile>& files) {
  ISA_TRYV(check_skill_name(folder));
  ISA_TRYV(check_size(files));
  ISA_TRYV(check_packed_paths(files));
  const auto document = std::ranges::find(files, kSkillDocument, &PackedFile::path);
  if (document == files.end())
    return validation_error("the skill '{}' has no {} at its top", folder, kSkillDocument);
  ISA_TRY(auto doc, parse_skill(document->content));
  if (doc.manifest.name != folder)
    return broken("/name: '{}' is not the name of the folder, '{}'", doc.manifest.name, folder);
  return doc;
}

void name_document(std::vector<PackedFile>& files) {
  if (std::ranges::find(files, kSkillDocument, &PackedFile::path) != files.end()) return;
  const auto lower = std::ranges::find(files, kSkillDocumentLower, &PackedFile::path);
  if (lower != files.end()) lower->path = kSkillDocument;
}

void mark_scripts(std::vector<PackedFile>& files) {
  for (auto& file : files)
    if (file.path.starts_with("scripts/") && file.content.starts_with("#!")) file.is_executable = true;
}

}  // namespace isa::sdk
