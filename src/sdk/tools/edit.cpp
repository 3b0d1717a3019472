#include "sdk/tools/families.h"
#include "sdk/tools/file_content.h"

namespace isa::sdk {
namespace {

struct EditArguments {
  std::string file_path;
  std::string old_string;
  std::string new_string;
  std::optional<bool> replace_all;
};
BOOST_DESCRIBE_STRUCT(EditArguments, (), (file_path, old_string, new_string, replace_all))

struct Edit {
  std::string old_string;
  std::string new_string;
  std::optional<bool> replace_all;
};
BOOST_DESCRIBE_STRUCT(Edit, (), (old_string, new_string, replace_all))

struct MultiEditArguments {
  std::string file_path;
  std::vector<Edit> edits;
};
BOOST_DESCRIBE_STRUCT(MultiEditArguments, (), (file_path, edits))

std::size_t count_matches(std::string_view content, std::string_view text) {
  std::size_t count = 0;
  for (auto at = content.find(text); at != std::string_view::npos; at = content.find(text, at + text.size()))
    ++count;
  return count;
}

std::string replace_matches(std::string_view content, const Edit& edit, std::size_t size) {
  std::string changed;
  changed.reserve(size);
  std::size_t from = 0;
  for (auto at = content.find(edit.old_string); at != std::string_view::npos;
       at = content.find(edit.old_string, from)) {
    changed += content.substr(from, at - from);
    changed += edit.new_string;
    from = at + edit.old_string.size();
  }
  changed += content.substr(from);
  return changed;
}

// Returns how many places were changed.
Result<std::size_t> apply_edit(std::string& content, const Edit& edit) {
  if (edit.old_string.empty()) return validation_error("old_string is empty; write_file makes a new file");
  if (edit.old_string == edit.new_string) return validation_error("old_string and new_string are the same");
  const std::size_t matches = count_matches(content, edit.old_string);
  if (matches == 0)
    return validation_error(
        "old_string does not occur in the file; it must match exactly, white space included");
  if (matches > 1 && !edit.replace_all.value_or(false)) {
    return validation_error(
        "old_string occurs {} times; add lines around it until it occurs once, or set replace_all", matches);
  }
  // Before it is built: a short text that occurs often, replaced by a long one, is more than there is memory.
  const auto size = content.size() - matches * edit.old_string.size() + matches * edit.new_string.size();
  if (size > kFileMax) return payload_too_large("the file would pass {} MB", kFileMax >> 20);
  content = replace_matches(content, edit, size);
  return matches;
}

Result<ToolOutput> multi_edit_file(const Workspace& workspace, const MultiEditArguments& from, Deadline) {
  if (from.edits.empty()) return validation_error("/edits: at least one edit is needed");
  ISA_TRY(const auto name, workspace.relative(from.file_path));
  ISA_TRY(auto content, read_whole(workspace, name));
  std::size_t places = 0;
  for (std::size_t i = 0; i < from.edits.size(); ++i) {
    const auto changed = apply_edit(content, from.edits[i]);
    if (!changed)
      return make_error(changed.error().kind(), "/edits/{}: {}; the file is unchanged", i,
                        changed.error().message());
    places += *changed;
  }
  ISA_TRYV(write_whole(workspace, name, content));
  return ToolOutput{.text = fmt::format("changed {} places in {}", places, name)};
}

Result<ToolOutput> edit_file(const Workspace& workspace, const EditArguments& from, Deadline) {
  ISA_TRY(const auto name, workspace.relative(from.file_path));
  ISA_TRY(auto content, read_whole(workspace, name));
  ISA_TRY(const auto places, apply_edit(content, Edit{from.old_string, from.new_string, from.replace_all}));
  ISA_TRYV(write_whole(workspace, name, content));
  return ToolOutput{.text = fmt::format("changed {} place{} in {}", places, places == 1 ? "" : "s", name)};
}

}  // namespace

void add_edit_tools(Tools& to, const std::shared_ptr<FileWork>& work) {
  using Single = FileTool<EditArguments>;
  using Multi = FileTool<MultiEditArguments>;
  to.push_back(std::make_shared<Single>(
      make_tool_spec("edit_file", "Replaces a text in a file of the workspace. It must occur exactly once.",
                     R"({
        "type": "object", "additionalProperties": false, "required": ["file_path", "old_string", "new_string"],
        "properties": {
          "file_path": {"type": "string", "description": "Relative to the workspace"},
          "old_string": {"type": "string", "description": "What to replace, exactly as it stands in the file"},
          "new_string": {"type": "string"},
          "replace_all": {"type": "boolean", "default": false, "description": "Replace every occurrence"}}})"),
      Single::Access::writes, edit_file, work));
  to.push_back(std::make_shared<Multi>(
      make_tool_spec("multi_edit_file",
                     "Makes several replacements in one file, in order: all of them or none.", R"({
        "type": "object", "additionalProperties": false, "required": ["file_path", "edits"],
        "properties": {
          "file_path": {"type": "string", "description": "Relative to the workspace"},
          "edits": {"type": "array", "minItems": 1, "items": {
            "type": "object", "additionalProperties": false, "required": ["old_string", "new_string"],
            "properties": {
              "old_string": {"type": "string"}, "new_string": {"type": "string"},
              "replace_all": {"type": "boolean", "default": false}}}}}})"),
      Multi::Access::writes, multi_edit_file, work));
}

}  // namespace isa::sdk
