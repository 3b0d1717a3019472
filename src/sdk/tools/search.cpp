#include "base/utf8.h"
#include "sdk/tools/families.h"
#include "sdk/tools/glob.h"
#include "sdk/tools/walk.h"

#include <fcntl.h>

namespace isa::sdk {
namespace {

constexpr std::chrono::seconds kTimeMax{20};  // A search that takes longer gives what it has.
constexpr std::int64_t kResultsMax = 10'000;
constexpr std::int64_t kListedMax = 2'000;
constexpr std::int64_t kDepthMax = 20;

struct GlobArguments {
  std::string pattern;
  std::optional<std::string> path;
  std::optional<bool> include_hidden;
  std::optional<std::int64_t> max_results;
};
BOOST_DESCRIBE_STRUCT(GlobArguments, (), (pattern, path, include_hidden, max_results))

struct ListArguments {
  std::optional<std::string> path;
  std::optional<bool> include_hidden;
  std::optional<bool> recursive;
  std::optional<std::int64_t> max_depth;
  std::optional<std::string> file_pattern;
};
BOOST_DESCRIBE_STRUCT(ListArguments, (), (path, include_hidden, recursive, max_depth, file_pattern))

// Where an entry is, seen from the folder in which the search began.
std::string_view below(std::string_view name, std::string_view start) {
  if (start == ".") return name;
  return name.substr(start.size() + 1);
}

void end_list(ToolOutput& output, bool is_complete, std::string_view when_empty) {
  if (output.truncated)
    output.text += "[... there is more: narrow the search]\n";
  else if (!is_complete)
    output.text += "[... the search was cut short: narrow it]\n";
  else if (output.text.empty())
    output.text = when_empty;
  output.truncated = output.truncated || !is_complete;
  output.text = to_valid_utf8(std::move(output.text));
}

Result<ToolOutput> glob_files(const Workspace& workspace, const GlobArguments& from, Deadline deadline) {
  const auto max = from.max_results.value_or(500);
  if (max < 1 || max > kResultsMax)
    return validation_error("/max_results: must be an integer from 1 to {}", kResultsMax);
  ISA_TRY(const auto start, workspace.relative(from.path.value_or(".")));
  const bool hidden = from.include_hidden.value_or(false);
  ISA_TRY(const auto glob, Glob::parse(from.pattern, hidden));
  const WalkOptions options{.include_hidden = hidden, .deadline = deadline.tightened(kTimeMax)};
  ToolOutput output;
  std::int64_t count = 0;
  const auto visit = [&](const WalkEntry& entry) {
    const auto path = below(entry.name, start);
    if (entry.kind == WalkEntry::Kind::folder)
      return glob.may_match_below(path) ? WalkStep::go_on : WalkStep::skip_folder;
    if (!glob.matches(path)) return WalkStep::go_on;
    if (count++ == max) {
      output.truncated = true;
      return WalkStep::stop;
    }
    output.text += entry.name + "\n";
    return WalkStep::go_on;
  };
  ISA_TRY(const bool is_complete, walk(workspace, start, options, visit));
  end_list(output, is_complete, "[no file matches]\n");
  return output;
}

std::string describe(const WalkEntry& entry) {
  using Kind = WalkEntry::Kind;
  if (entry.kind == Kind::folder) return entry.name + "/";
  const std::string base(entry.base);
  if (entry.kind == Kind::link) {
    char target[256];
    const auto size = ::readlinkat(entry.folder, base.c_str(), target, sizeof target);
    return entry.name + " -> " + std::string(target, static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  }
  struct stat status{};
  if (entry.kind == Kind::other || ::fstatat(entry.folder, base.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0)
    return entry.name + " (special)";
  return fmt::format("{} ({} bytes)", entry.name, status.st_size);
}

Result<ToolOutput> ls_directory(const Workspace& workspace, const ListArguments& from, Deadline deadline) {
  const auto depth = from.max_depth.value_or(3);
  if (depth < 1 || depth > kDepthMax)
    return validation_error("/max_depth: must be an integer from 1 to {}", kDepthMax);
  ISA_TRY(const auto start, workspace.relative(from.path.value_or(".")));
  const bool hidden = from.include_hidden.value_or(false);
  ISA_TRY(const auto glob, Glob::parse(from.file_pattern.value_or("*"), hidden));
  const WalkOptions options{.include_hidden = hidden,
                            .max_depth = from.recursive.value_or(false) ? static_cast<int>(depth) : 1,
                            .deadline = deadline.tightened(kTimeMax)};
  ToolOutput output;
  std::int64_t count = 0;
  const auto visit = [&](const WalkEntry& entry) {
    // The pattern chooses files; a folder is shown because something in it may match.
    if (entry.kind != WalkEntry::Kind::folder && !glob.matches(entry.base)) return WalkStep::go_on;
    if (count++ == kListedMax) {
      output.truncated = true;
      return WalkStep::stop;
    }
    output.text += describe(entry) + "\n";
    return WalkStep::go_on;
  };
  ISA_TRY(const bool is_complete, walk(workspace, start, options, visit));
  end_list(output, is_complete, "[the folder is empty]\n");
  return output;
}

}  // namespace

void add_search_tools(Tools& to, const std::shared_ptr<FileWork>& work) {
  using Finder = FileTool<GlobArguments>;
  using Lister = FileTool<ListArguments>;
  to.push_back(std::make_shared<Finder>(
      make_tool_spec("glob_files", "Finds files by a pattern of their path, such as src/**/*.{h,cpp}.", R"({
        "type": "object", "additionalProperties": false, "required": ["pattern"],
        "properties": {
          "pattern": {"type": "string", "description": "* and ? within a name, ** for any folders, {a,b} for either"},
          "path": {"type": "string", "description": "Folder to search; the workspace by default"},
          "include_hidden": {"type": "boolean", "default": false},
          "max_results": {"type": "integer", "minimum": 1, "maximum": 10000, "default": 500}}})"),
      Finder::Access::reads, glob_files, work));
  to.push_back(std::make_shared<Lister>(
      make_tool_spec("ls_directory", "Lists a folder of the workspace with the sizes of its files.", R"({
        "type": "object", "additionalProperties": false,
        "properties": {
          "path": {"type": "string", "description": "The workspace by default"},
          "include_hidden": {"type": "boolean", "default": false},
          "recursive": {"type": "boolean", "default": false},
          "max_depth": {"type": "integer", "minimum": 1, "maximum": 20, "default": 3, "description": "When recursive"},
          "file_pattern": {"type": "string", "description": "Only files whose name matches, such as *.py"}}})"),
      Lister::Access::reads, ls_directory, work));
}

}  // namespace isa::sdk
