#include "base/utf8.h"
#include "sdk/tools/families.h"
#include "sdk/tools/file_content.h"

#include <cerrno>
#include <cstring>
#include <limits>

namespace isa::sdk {
namespace {

constexpr std::int64_t kLinesMax = 2000;
constexpr std::size_t kLineMax = 2000;         // Bytes shown of one line.
constexpr std::size_t kOutputMax = 256 << 10;  // Bytes.

struct ReadArguments {
  std::string file_path;
  std::optional<std::int64_t> offset;
  std::optional<std::int64_t> limit;
};
BOOST_DESCRIBE_STRUCT(ReadArguments, (), (file_path, offset, limit))

struct WriteArguments {
  std::string file_path;
  std::string content;
  std::optional<bool> create_directories;
};
BOOST_DESCRIBE_STRUCT(WriteArguments, (), (file_path, content, create_directories))

// Collects the wanted lines of a file that passes by in pieces of any size.
class NumberedLines {
 public:
  NumberedLines(std::int64_t first, std::int64_t count)
      : first_(first), end_(first + std::min(count, std::numeric_limits<std::int64_t>::max() - first)) {}

  void feed(std::string_view piece) {
    while (!piece.empty() && !is_full_) {
      const auto newline = piece.find('\n');
      add(piece.substr(0, newline));
      if (newline == std::string_view::npos) return;
      end_line();
      piece.remove_prefix(newline + 1);
    }
  }
  void finish() {
    if (has_part_ && !is_full_) end_line();
  }
  bool is_full() const { return is_full_; }
  std::int64_t lines() const { return number_ - 1; }
  std::int64_t next() const { return number_; }
  std::string take() { return std::move(text_); }

 private:
  void add(std::string_view part) {
    has_part_ = true;
    if (number_ < first_) return;
    size_ += part.size();
    line_ += part.substr(0, kLineMax + 4 - std::min(line_.size(), kLineMax + 4));
  }
  void end_line() {
    if (number_ >= end_ || text_.size() > kOutputMax) {
      is_full_ = true;
      return;
    }
    if (number_ >= first_) {
      if (line_.ends_with('\r')) line_.pop_back();
      const auto shown = cut_utf8(line_, kLineMax);
      text_ += fmt::format("{:>6}\t{}", number_, shown);
      if (size_ > shown.size() + 1)
        text_ += fmt::format(" [... {} bytes more in this line]", size_ - shown.size());
      text_ += '\n';
    }
    ++number_;
    line_.clear();
    size_ = 0;
    has_part_ = false;
  }

  std::int64_t first_, end_;
  std::int64_t number_ = 1;  // Of the line that is being read.
  std::string text_, line_;
  std::size_t size_ = 0;  // Of the line, also what is not kept.
  bool has_part_ = false;
  bool is_full_ = false;
};

Result<ToolOutput> read_file(const Workspace& workspace, const ReadArguments& from, Deadline) {
  const std::int64_t first = std::max<std::int64_t>(from.offset.value_or(1), 1);
  const std::int64_t count = from.limit.value_or(kLinesMax);
  if (count < 1 || count > kLinesMax)
    return validation_error("/limit: must be an integer from 1 to {}", kLinesMax);
  ISA_TRY(const auto name, workspace.relative(from.file_path));
  ISA_TRY(const auto file, workspace.open_file(name));
  NumberedLines lines(first, count);
  char chunk[16384];
  for (bool is_start = true; !lines.is_full(); is_start = false) {
    const auto size = ::read(file.get(), chunk, sizeof chunk);
    if (size < 0) return internal_error("{} cannot be read: {}", name, std::strerror(errno));
    if (size == 0) break;
    const std::string_view piece(chunk, static_cast<std::size_t>(size));
    if (is_start && piece.find('\0') != std::string_view::npos)
      return validation_error("{} is a binary file; inspect it with bash_execute", name);
    lines.feed(piece);
  }
  lines.finish();
  ToolOutput output{.text = lines.take(), .truncated = lines.is_full()};
  if (output.truncated)
    output.text += fmt::format("[... more lines: go on with offset {}]\n", lines.next());
  else if (output.text.empty() && lines.lines() == 0)
    output.text = "[the file is empty]\n";
  else if (output.text.empty())
    output.text = fmt::format("[the file has only {} lines]\n", lines.lines());
  output.text = to_valid_utf8(std::move(output.text));
  return output;
}

Result<ToolOutput> write_file(const Workspace& workspace, const WriteArguments& from, Deadline) {
  if (from.content.size() > kFileMax)
    return payload_too_large("/content: at most {} MB can be written at once", kFileMax >> 20);
  ISA_TRY(const auto name, workspace.relative(from.file_path));
  if (from.create_directories.value_or(true)) ISA_TRYV(workspace.make_folders(split_name(name).first));
  ISA_TRYV(write_whole(workspace, name, from.content));
  return ToolOutput{.text = fmt::format("wrote {} bytes to {}", from.content.size(), name)};
}

}  // namespace

void add_read_write_tools(Tools& to, const std::shared_ptr<FileWork>& work) {
  using Reader = FileTool<ReadArguments>;
  using Writer = FileTool<WriteArguments>;
  to.push_back(std::make_shared<Reader>(
      make_tool_spec("read_file", "Reads a text file of the workspace, each line after its number.", R"({
        "type": "object", "additionalProperties": false, "required": ["file_path"],
        "properties": {
          "file_path": {"type": "string", "description": "Relative to the workspace"},
          "offset": {"type": "integer", "minimum": 1, "default": 1, "description": "Number of the first line"},
          "limit": {"type": "integer", "minimum": 1, "maximum": 2000, "default": 2000, "description": "Lines"}}})"),
      Reader::Access::reads, read_file, work));
  to.push_back(std::make_shared<Writer>(
      make_tool_spec("write_file", "Writes a file of the workspace; an existing one is replaced.", R"({
        "type": "object", "additionalProperties": false, "required": ["file_path", "content"],
        "properties": {
          "file_path": {"type": "string", "description": "Relative to the workspace"},
          "content": {"type": "string", "description": "The whole content"},
          "create_directories": {"type": "boolean", "default": true, "description": "Make missing folders"}}})"),
      Writer::Access::writes, write_file, work));
}

}  // namespace isa::sdk
