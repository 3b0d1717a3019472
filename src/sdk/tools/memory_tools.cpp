#include "base/utf8.h"
#include "sdk/tools/families.h"
#include "sdk/tools/file_content.h"
#include "sdk/tools/memory.h"
#include "sdk/tools/memory_book.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace isa::sdk {
namespace {

constexpr const char* kFolder = ".isa";
constexpr const char* kFile = ".isa/memory.db";
constexpr const char* kBase = "memory.db";
constexpr const char* kDamagedBase = "memory.db.damaged";
constexpr std::size_t kKeyMax = 128;     // Bytes.
constexpr std::size_t kQueryMax = 2000;  // Bytes.
constexpr std::size_t kTagMax = 64;      // Bytes.
constexpr std::size_t kTagsMax = 16;
constexpr std::size_t kAnswerMax = 32 << 10;  // Bytes of texts in one answer.
constexpr std::chrono::seconds kPatience{10};

struct StoreArguments {
  std::string content;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> key;
};
BOOST_DESCRIBE_STRUCT(StoreArguments, (), (content, tags, key))

struct SearchArguments {
  std::optional<std::string> query;
  std::optional<std::int64_t> limit;
  std::optional<std::vector<std::string>> tags;
  std::optional<std::string> key;
};
BOOST_DESCRIBE_STRUCT(SearchArguments, (), (query, limit, tags, key))

Result<void> check_key(const std::optional<std::string>& key) {
  if (!key || (!key->empty() && key->size() <= kKeyMax && key->find('\0') == std::string::npos)) return ok();
  return validation_error("/key: must have from 1 to {} bytes, none of them zero", kKeyMax)
      .with_param("/key");
}

Result<void> check_tags(const std::optional<std::vector<std::string>>& tags) {
  if (!tags) return ok();
  if (tags->size() > kTagsMax) return validation_error("/tags: at most {}", kTagsMax).with_param("/tags");
  for (std::size_t i = 0; i < tags->size(); ++i) {
    const auto& tag = (*tags)[i];
    if (tag.empty() || tag.size() > kTagMax || tag.find_first_of(std::string_view("|\0", 2)) != tag.npos)
      return validation_error("/tags/{}: must have from 1 to {} bytes, and no '|'", i, kTagMax)
          .with_param(fmt::format("/tags/{}", i));
  }
  return ok();
}

// Nothing: there is none yet.
Result<std::string> read_file(const Workspace& workspace) {
  auto bytes = read_whole(workspace, kFile);
  if (!bytes && bytes.error().kind() == ErrorKind::not_found) return std::string();
  return bytes;
}

// Out of the way, so that whoever wants can look what is left in it.
Result<void> set_aside(const Workspace& workspace) {
  ISA_TRY(const auto folder, workspace.open_folder(kFolder));
  if (::renameat(folder.get(), kBase, folder.get(), kDamagedBase) != 0)
    return internal_error("{} cannot be set aside: {}", kFile, std::strerror(errno));
  return ok();
}

Result<ToolOutput> store(const Workspace& workspace, const StoreArguments& from, Deadline deadline) {
  if (from.content.size() > MemoryBook::kContentMax)
    return validation_error("/content: at most {} kB; write longer texts to a file and remember its name",
                            MemoryBook::kContentMax >> 10)
        .with_param("/content");
  ISA_TRYV(check_key(from.key));
  ISA_TRYV(check_tags(from.tags));
  if (from.content.empty() && !from.key)
    return validation_error("/content: must not be empty; with a key, an empty content forgets that memory")
        .with_param("/content");
  ISA_TRYV(workspace.make_folders(kFolder));
  ISA_TRY(const auto bytes, read_file(workspace));
  const auto until = deadline.tightened(kPatience);
  auto book = MemoryBook::open(bytes, until);
  json::object answer;
  if (!book && book.error().kind() == ErrorKind::validation_error) {
    ISA_TRYV(set_aside(workspace));
    answer["note"] = fmt::format("{} was no memory any more ({}). It was renamed to {}, and a new one begun.",
                                 kFile, book.error().message(), kDamagedBase);
    book = MemoryBook::open("", until);
  }
  if (!book) return Failure(std::move(book).error());
  if (from.content.empty()) {
    ISA_TRY(answer["forgotten"], book->forget(*from.key));
    answer["key"] = *from.key;
  } else {
    Memory memory{from.key.value_or(""), from.content, from.tags.value_or(std::vector<std::string>()),
                  to_rfc3339(now())};
    ISA_TRY(answer["key"], book->store(std::move(memory)));
  }
  ISA_TRY(const auto changed, book->bytes());
  ISA_TRYV(write_whole(workspace, kFile, changed));
  return ToolOutput{.text = json::serialize(answer)};
}

json::object shown(const FoundMemory& found, std::size_t& room) {
  const auto& memory = found.memory;
  json::object entry{{"key", to_valid_utf8(memory.key)}};
  const bool is_whole = found.snippet.empty();
  const auto& text = is_whole ? memory.content : found.snippet;
  const auto cut = cut_utf8(text, std::min(room, is_whole ? MemoryBook::kContentMax : MemoryBook::kWholeMax));
  room -= cut.size();
  entry[is_whole && cut.size() == text.size() ? "content" : "snippet"] = to_valid_utf8(std::string(cut));
  if (!is_whole || cut.size() < text.size()) entry["content_bytes"] = memory.content.size();
  if (!memory.tags.empty()) {
    json::array tags;
    for (const auto& tag : memory.tags) tags.emplace_back(to_valid_utf8(tag));
    entry["tags"] = std::move(tags);
  }
  entry["updated_at"] = to_valid_utf8(memory.updated_at);
  return entry;
}

Result<ToolOutput> search(const Workspace& workspace, const SearchArguments& from, Deadline deadline) {
  const auto limit = from.limit.value_or(10);
  if (limit < 1 || limit > 50)
    return validation_error("/limit: must be an integer from 1 to 50").with_param("/limit");
  if (from.query && from.query->size() > kQueryMax)
    return validation_error("/query: at most {} bytes", kQueryMax).with_param("/query");
  ISA_TRYV(check_key(from.key));
  ISA_TRYV(check_tags(from.tags));
  ISA_TRY(const auto bytes, read_file(workspace));
  auto book = MemoryBook::open(bytes, deadline.tightened(kPatience));
  const MemorySearch wanted{from.query.value_or(""), from.key.value_or(""),
                            from.tags.value_or(std::vector<std::string>()), limit};
  auto hits = book ? book->search(wanted) : Result<MemoryHits>(Failure(Error(book.error())));
  if (!hits && hits.error().kind() == ErrorKind::validation_error)
    return validation_error(
        "{} cannot be read: {}. The next memory_store sets it aside and begins a new one.", kFile,
        hits.error().message());
  if (!hits) return Failure(std::move(hits).error());
  json::array results;
  std::size_t room = kAnswerMax;
  for (const auto& found : hits->found) results.push_back(shown(found, room));
  const json::object answer{{"results", std::move(results)}, {"memories", hits->total}};
  return ToolOutput{.text = json::serialize(answer)};
}

ToolSpec store_spec() {
  return make_tool_spec(
      "memory_store",
      "Remembers a text for later turns. With the key of an earlier one it replaces that; an empty "
      "content forgets it.",
      R"({
        "type": "object", "additionalProperties": false, "required": ["content"],
        "properties": {
          "content": {"type": "string", "description": "At most 16 kB"},
          "tags": {"type": "array", "maxItems": 16, "items": {"type": "string", "maxLength": 64}},
          "key": {"type": "string", "maxLength": 128, "description": "A name of its own; one is made by default"}}})");
}

ToolSpec search_spec() {
  return make_tool_spec(
      "memory_search",
      "Finds what was remembered, best match first. Long texts are shown as a passage; ask by key for "
      "all of one.",
      R"({
        "type": "object", "additionalProperties": false,
        "properties": {
          "query": {"type": "string", "description": "Words, any of which may match; empty: the newest memories"},
          "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
          "tags": {"type": "array", "items": {"type": "string"}, "description": "Only those with all of these tags"},
          "key": {"type": "string", "description": "Only that one, in full"}}})");
}

template <class Arguments>
Result<ToolOutput> run_with(Result<ToolOutput> (*function)(const Workspace&, const Arguments&, Deadline),
                            const Workspace& workspace, const json::object& arguments, Deadline deadline) {
  ISA_TRY(const auto read, json::read<Arguments>(json::value(arguments)));
  return function(workspace, read, deadline);
}

}  // namespace

void add_memory_tools(Tools& to, const std::shared_ptr<FileWork>& work) {
  using Store = FileTool<StoreArguments>;
  using Search = FileTool<SearchArguments>;
  to.push_back(std::make_shared<Store>(store_spec(), Store::Access::writes, store, work));
  to.push_back(std::make_shared<Search>(search_spec(), Search::Access::reads, search, work));
}

std::vector<ToolSpec> memory_tool_specs() {
  return {store_spec(), search_spec()};
}

bool is_memory_tool(std::string_view name) {
  return name == "memory_store" || name == "memory_search";
}

Result<ToolOutput> run_memory_tool(const Workspace& workspace, std::string_view tool,
                                   const json::object& arguments, Deadline deadline) {
  if (tool == "memory_store") return run_with(store, workspace, arguments, deadline);
  if (tool == "memory_search") return run_with(search, workspace, arguments, deadline);
  return not_found("{} is no tool of the memory", tool);
}

}  // namespace isa::sdk
