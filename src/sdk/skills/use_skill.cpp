#include "sdk/skills/use_skill.h"

#include "base/packed_file.h"
#include "base/utf8.h"
#include "sdk/skills/skill.h"
#include "sdk/tools/typed_tool.h"

namespace isa::sdk {
namespace {

struct UseArguments {
  std::string name;
  std::optional<std::string> file;
  std::optional<std::uint64_t> offset;
};
BOOST_DESCRIBE_STRUCT(UseArguments, (), (name, file, offset))

std::string head_of(const SkillManifest& manifest, const SkillContent& content) {
  auto head = fmt::format("Skill {}\n", manifest.name);
  if (!content.folder.empty()) head += fmt::format("Its folder in your workspace: {}\n", content.folder);
  if (!content.files.empty()) {
    head += "Its other files (use_skill with `file` reads one): ";
    for (std::size_t i = 0; i < content.files.size(); ++i) head += (i == 0 ? "" : ", ") + content.files[i];
    head += '\n';
  }
  if (manifest.compatibility) head += fmt::format("It needs: {}\n", *manifest.compatibility);
  if (manifest.allowed_tools)
    head += fmt::format("It was written for these tools: {}. You have your own tools only.\n",
                        *manifest.allowed_tools);
  return head + '\n';
}

// From `offset` on as much as one answer holds.
Result<ToolOutput> piece_of(std::string head, std::string_view text, std::size_t offset) {
  if (offset > text.size())
    return validation_error("/offset: the text has {} bytes, fewer than {}", text.size(), offset);
  while (offset < text.size() && (static_cast<unsigned char>(text[offset]) & 0xC0) == 0x80) ++offset;
  const auto piece = cut_utf8(text.substr(offset), kSkillTextMax);
  ToolOutput output{.text = std::move(head) + std::string(piece)};
  const auto end = offset + piece.size();
  if (end == text.size()) return output;
  output.truncated = true;
  output.text += fmt::format("\n[... {} bytes more: go on with offset {}]\n", text.size() - end, end);
  return output;
}

class UseSkill final : public TypedTool<UseArguments> {
 public:
  UseSkill(ToolSpec spec, std::shared_ptr<SkillSource> source)
      : TypedTool(std::move(spec)), source_(std::move(source)) {}
  bool is_read_only() const override { return true; }

 protected:
  Task<Result<ToolOutput>> run(UseArguments from, ToolContext) override {
    ISA_CO_TRYV(check_skill_name(from.name));
    const auto file = from.file.value_or(std::string(kSkillDocument));
    ISA_CO_TRYV(check_packed_path(file));
    ISA_CO_TRY(auto content, co_await source_->read(from.name, file));
    const auto offset = static_cast<std::size_t>(from.offset.value_or(0));
    if (file == kSkillDocument) {
      ISA_CO_TRY(const auto doc, parse_skill(content.text));
      co_return piece_of(head_of(doc.manifest, content), doc.body, offset);
    }
    if (!is_utf8(content.text) || content.text.contains('\0'))
      co_return validation_error("{} of the skill '{}' is no text{}", file, from.name,
                                 content.folder.empty() ? "" : "; it is at " + content.folder + "/" + file);
    co_return piece_of({}, content.text, offset);
  }

 private:
  std::shared_ptr<SkillSource> source_;
};

}  // namespace

std::shared_ptr<Tool> make_use_skill(std::shared_ptr<SkillSource> source) {
  return std::make_shared<UseSkill>(
      make_tool_spec(std::string(kUseSkill),
                     "Reads the instructions of a skill, or one of the files that they refer to.", R"({
        "type": "object", "additionalProperties": false, "required": ["name"],
        "properties": {
          "name": {"type": "string", "description": "As the list of skills shows it"},
          "file": {"type": "string", "description": "A file of the skill, such as references/rules.md; SKILL.md by default"},
          "offset": {"type": "integer", "minimum": 0, "default": 0, "description": "Bytes of the text to skip, for a text that was cut"}}})"),
      std::move(source));
}

}  // namespace isa::sdk
