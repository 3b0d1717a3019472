#include "base/utf8.h"
#include "sdk/tools/families.h"
#include "sdk/tools/file_content.h"
#include "sdk/tools/glob.h"
#include "sdk/tools/walk.h"

#include <algorithm>
#include <regex>

namespace isa::sdk {
namespace {

constexpr std::chrono::seconds kTimeMax{20};
constexpr std::size_t kPatternMax = 1000;
constexpr std::size_t kLineMax = 2000;         // Bytes of a line that are searched and shown.
constexpr std::size_t kOutputMax = 256 << 10;  // Bytes.
constexpr std::int64_t kResultsMax = 5000;
constexpr std::int64_t kContextMax = 20;
constexpr std::size_t kBinaryProbe = 8192;  // A zero byte among the first so many: not a text.

struct GrepArguments {
  std::string pattern;
  std::optional<std::string> path;
  std::optional<std::string> file_pattern;
  std::optional<bool> case_insensitive;
  std::optional<std::int64_t> max_results;
  std::optional<std::int64_t> context_lines;
  std::optional<bool> include_line_numbers;
};
BOOST_DESCRIBE_STRUCT(GrepArguments, (),
                      (pattern, path, file_pattern, case_insensitive, max_results, context_lines,
                       include_line_numbers))

// Finds a pattern in a line, in time that grows with the line and not exponentially.
class Matcher {
 public:
  static Result<Matcher> compile(const std::string& pattern, bool case_insensitive) {
    if (pattern.empty() || pattern.size() > kPatternMax)
      return validation_error("/pattern: a pattern has 1 to {} characters", kPatternMax);
    Matcher matcher;
    if (!case_insensitive && pattern.find_first_of("^$\\.*+?()[]{}|") == std::string::npos) {
      matcher.literal_ = pattern;
      return matcher;
    }
    // libstdc++'s polynomial mode: no backtracking, so no pattern can take exponential time. It lacks only
    // back-references.
    auto flags = std::regex::ECMAScript | std::regex_constants::__polynomial | std::regex::optimize;
    if (case_insensitive) flags |= std::regex::icase;
    try {
      matcher.regex_.assign(pattern, flags);
    } catch (const std::regex_error& e) {
      if (e.code() == std::regex_constants::error_complexity)
        return validation_error("/pattern: back-references are not supported");
      return validation_error("/pattern: '{}' is not a regular expression (ECMAScript): {}", pattern,
                              e.what());
    }
    return matcher;
  }

  bool may_match(std::string_view content) const {
    return literal_.empty() || content.find(literal_) != std::string_view::npos;
  }
  bool matches(std::string_view line) const {
    if (!literal_.empty()) return line.find(literal_) != std::string_view::npos;
    return std::regex_search(line.begin(), line.end(), regex_);
  }

 private:
  std::string literal_;  // Empty: regex_ counts.
  std::regex regex_;
};

std::vector<std::string_view> split_lines(std::string_view content) {
  std::vector<std::string_view> lines;
  while (!content.empty()) {
    const auto end = content.find('\n');
    auto line = content.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.push_back(line);
    content.remove_prefix(end == std::string_view::npos ? content.size() : end + 1);
  }
  return lines;
}

class Search {
 public:
  Search(const GrepArguments& from, Matcher matcher, Deadline deadline)
      : matcher_(std::move(matcher)),
        deadline_(deadline),
        left_(from.max_results.value_or(100)),
        context_(static_cast<std::size_t>(from.context_lines.value_or(0))),
        numbers_(from.include_line_numbers.value_or(true)) {}

  // False: enough, the search ends.
  bool file(const Workspace& workspace, const std::string& name) {
    if (deadline_.passed()) return cut();
    const auto content = read_whole(workspace, name);
    if (!content) {
      skipped_ += content.error().kind() == ErrorKind::payload_too_large;
      return true;  // Unreadable or gone meanwhile: not what was asked for.
    }
    if (std::string_view(*content).substr(0, kBinaryProbe).find('\0') != std::string_view::npos) return true;
    return !matcher_.may_match(*content) || search(name, split_lines(*content));
  }

  ToolOutput output() && {
    if (text_.empty()) text_ = is_cut_ ? "" : "[no match]\n";
    if (is_cut_) text_ += "[... there may be more: narrow the search]\n";
    if (skipped_ > 0)
      text_ += fmt::format("[{} files of more than {} MB were not searched]\n", skipped_, kFileMax >> 20);
    return {.text = to_valid_utf8(std::move(text_)), .truncated = is_cut_};
  }
  bool cut() {
    is_cut_ = true;
    return false;
  }

 private:
  bool search(const std::string& name, const std::vector<std::string_view>& lines) {
    std::size_t shown = 0;  // Lines before this one are in the output.
    for (std::size_t i = 0; i < lines.size(); ++i) {
      if (i % 256 == 255 && deadline_.passed()) return cut();
      if (!matcher_.matches(lines[i].substr(0, kLineMax))) continue;
      if (left_-- == 0 || text_.size() > kOutputMax) return cut();
      const std::size_t first = std::max(shown, i - std::min(i, context_));
      if (context_ > 0 && !text_.empty() && (shown == 0 || first > shown)) text_ += "--\n";
      for (std::size_t j = first; j < i; ++j) add(name, '-', j, lines[j]);
      if (shown <= i) add(name, ':', i, lines[i]);
      shown = std::max(shown, i + 1);
      for (; shown <= i + context_ && shown < lines.size() &&
             !matcher_.matches(lines[shown].substr(0, kLineMax));
           ++shown)
        add(name, '-', shown, lines[shown]);
    }
    return true;
  }

  void add(const std::string& name, char mark, std::size_t index, std::string_view line) {
    text_ += name;
    text_ += mark;
    if (numbers_) text_ += fmt::format("{}{}", index + 1, mark);
    text_ += cut_utf8(line, kLineMax);
    if (line.size() > kLineMax) text_ += " [...]";
    text_ += '\n';
  }

  Matcher matcher_;
  Deadline deadline_;
  std::int64_t left_;
  std::size_t context_;
  bool numbers_;
  std::string text_;
  int skipped_ = 0;
  bool is_cut_ = false;
};

Result<ToolOutput> grep_search(const Workspace& workspace, const GrepArguments& from, Deadline deadline) {
  const auto max = from.max_results.value_or(100), context = from.context_lines.value_or(0);
  if (max < 1 || max > kResultsMax)
    return validation_error("/max_results: must be an integer from 1 to {}", kResultsMax);
  if (context < 0 || context > kContextMax)
    return validation_error("/context_lines: must be an integer from 0 to {}", kContextMax);
  ISA_TRY(auto matcher, Matcher::compile(from.pattern, from.case_insensitive.value_or(false)));
  ISA_TRY(const auto files, Glob::parse(from.file_pattern.value_or("*"), true));
  ISA_TRY(const auto start, workspace.relative(from.path.value_or(".")));
  const Deadline end = deadline.tightened(kTimeMax);
  Search search(from, std::move(matcher), end);
  if (workspace.open_file(start)) {
    search.file(workspace, start);
    return std::move(search).output();
  }
  const bool by_path = from.file_pattern && from.file_pattern->find('/') != std::string::npos;
  const auto visit = [&](const WalkEntry& entry) {
    if (entry.kind == WalkEntry::Kind::folder)
      return entry.base == ".git" ? WalkStep::skip_folder : WalkStep::go_on;
    const auto path =
        start == "." ? std::string_view(entry.name) : std::string_view(entry.name).substr(start.size() + 1);
    if (entry.kind != WalkEntry::Kind::file || !files.matches(by_path ? path : entry.base))
      return WalkStep::go_on;
    return search.file(workspace, entry.name) ? WalkStep::go_on : WalkStep::stop;
  };
  const WalkOptions options{.include_hidden = true, .deadline = end};
  ISA_TRY(const bool is_complete, walk(workspace, start, options, visit));
  if (!is_complete) search.cut();
  return std::move(search).output();
}

}  // namespace

void add_grep_tool(Tools& to, const std::shared_ptr<FileWork>& work) {
  using Grep = FileTool<GrepArguments>;
  to.push_back(std::make_shared<Grep>(
      make_tool_spec("grep_search", "Searches the text files of the workspace line by line.", R"({
        "type": "object", "additionalProperties": false, "required": ["pattern"],
        "properties": {
          "pattern": {"type": "string", "description": "Regular expression: ECMAScript without back-references"},
          "path": {"type": "string", "description": "Folder or file to search; the workspace by default"},
          "file_pattern": {"type": "string", "description": "Only files that match, such as *.py or src/**/*.ts"},
          "case_insensitive": {"type": "boolean", "default": false},
          "max_results": {"type": "integer", "minimum": 1, "maximum": 5000, "default": 100},
          "context_lines": {"type": "integer", "minimum": 0, "maximum": 20, "default": 0},
          "include_line_numbers": {"type": "boolean", "default": true}}})"),
      Grep::Access::reads, grep_search, work));
}

}  // namespace isa::sdk
