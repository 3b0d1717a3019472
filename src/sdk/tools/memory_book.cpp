#include "sdk/tools/memory_book.h"

#include <sqlite3.h>

#include <cctype>
#include <cstring>

namespace isa::sdk {
namespace {

constexpr std::size_t kQueryWordsMax = 32;
constexpr int kStepsBetweenLooks = 1000;  // Of SQLite's machine, between two looks at the clock.

// Tags stand between bars, so that a whole tag can be looked for; the bars separate words for the search,
// too.
constexpr const char* kSchema =
    "CREATE VIRTUAL TABLE memories USING fts5(content, tags, key UNINDEXED, updated_at UNINDEXED, "
    "tokenize='porter unicode61 remove_diacritics 2')";

Error damaged(std::string_view why) {
  return validation_error("it is damaged, or was written by something else: {}", why);
}

class Query {
 public:
  Query(sqlite3* connection, const char* sql) : connection_(connection) {
    code_ = ::sqlite3_prepare_v2(connection, sql, -1, &statement_, nullptr);
  }
  Query(const Query&) = delete;
  ~Query() { ::sqlite3_finalize(statement_); }

  // What is bound must outlive the query.
  Query& bind(std::string_view text) {
    if (code_ == SQLITE_OK)
      code_ =
          ::sqlite3_bind_text64(statement_, ++bound_, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
    return *this;
  }
  Query& bind(std::int64_t number) {
    if (code_ == SQLITE_OK) code_ = ::sqlite3_bind_int64(statement_, ++bound_, number);
    return *this;
  }
  // True when it stands on a row.
  Result<bool> step() {
    if (code_ == SQLITE_OK) code_ = ::sqlite3_step(statement_);
    if (code_ == SQLITE_ROW) return code_ = SQLITE_OK, true;
    if (code_ == SQLITE_DONE) return false;
    switch (code_ & 0xff) {
      case SQLITE_INTERRUPT: return timeout("the memory was not searched in time");
      case SQLITE_FULL:
      case SQLITE_TOOBIG: return payload_too_large("the memory is full; forget what is not needed any more");
      default: return damaged(::sqlite3_errmsg(connection_));
    }
  }
  Result<void> finish() {
    for (;;) {
      ISA_TRY(const bool has_row, step());
      if (!has_row) return ok();
    }
  }
  std::string text(int column) const {
    const auto* bytes = static_cast<const char*>(::sqlite3_column_blob(statement_, column));
    const auto size = static_cast<std::size_t>(::sqlite3_column_bytes(statement_, column));
    return bytes ? std::string(bytes, size) : std::string();
  }
  std::int64_t number(int column) const { return ::sqlite3_column_int64(statement_, column); }

 private:
  sqlite3* connection_;
  sqlite3_stmt* statement_ = nullptr;
  int bound_ = 0;
  int code_;
};

std::string joined(const std::vector<std::string>& tags) {
  std::string text = tags.empty() ? "" : "|";
  for (const auto& tag : tags) text += tag + "|";
  return text;
}

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> tags;
  while (text.size() > 1) {
    const auto end = text.find('|', 1);
    tags.emplace_back(text.substr(1, end == std::string_view::npos ? end : end - 1));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end);
  }
  return tags;
}

bool is_word_byte(unsigned char c) {
  return c >= 0x80 || std::isalnum(c);
}

}  // namespace

struct MemoryBook::Connection {
  explicit Connection(Deadline end) : deadline(end) {}
  Connection(const Connection&) = delete;
  ~Connection() { ::sqlite3_close(handle); }

  static int has_to_stop(void* self) { return static_cast<Connection*>(self)->deadline.passed() ? 1 : 0; }

  Result<void> load(std::string_view bytes);
  Result<void> check_time() const {
    if (deadline.passed()) return timeout("the memory was not read in time");
    return ok();
  }

  sqlite3* handle = nullptr;
  Deadline deadline;
};

Result<void> MemoryBook::Connection::load(std::string_view bytes) {
  if (::sqlite3_open_v2(":memory:", &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_MEMORY, nullptr) !=
      SQLITE_OK)
    return internal_error("SQLite cannot be started");
  ::sqlite3_progress_handler(handle, kStepsBetweenLooks, &has_to_stop, this);
  ::sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  ::sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  ::sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  ::sqlite3_db_config(handle, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  ::sqlite3_limit(handle, SQLITE_LIMIT_LENGTH, static_cast<int>(MemoryBook::kFileMax));
  if (bytes.empty()) return Query(handle, kSchema).finish();
  auto* copy = static_cast<unsigned char*>(::sqlite3_malloc64(bytes.size()));
  if (!copy) return internal_error("there is no memory left for the file");
  std::memcpy(copy, bytes.data(), bytes.size());
  const auto size = static_cast<sqlite3_int64>(bytes.size());
  constexpr unsigned kOwned = SQLITE_DESERIALIZE_FREEONCLOSE | SQLITE_DESERIALIZE_RESIZEABLE;
  if (::sqlite3_deserialize(handle, "main", copy, size, size, kOwned) != SQLITE_OK)
    return damaged(::sqlite3_errmsg(handle));
  sqlite3_int64 most = MemoryBook::kFileMax;
  ::sqlite3_file_control(handle, "main", SQLITE_FCNTL_SIZE_LIMIT, &most);
  return ok();
}

MemoryBook::MemoryBook(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
MemoryBook::MemoryBook(MemoryBook&&) noexcept = default;
MemoryBook& MemoryBook::operator=(MemoryBook&&) noexcept = default;
MemoryBook::~MemoryBook() = default;

Result<MemoryBook> MemoryBook::open(std::string_view bytes, Deadline deadline) {
  if (bytes.size() > kFileMax) return damaged(fmt::format("it is larger than {} MB", kFileMax >> 20));
  MemoryBook book(std::make_unique<Connection>(deadline));
  ISA_TRYV(book.connection_->check_time());
  ISA_TRYV(book.connection_->load(bytes));
  if (!bytes.empty()) ISA_TRYV(book.check_schema());
  return book;
}

// The tables behind a virtual table are FTS5's own and have its names; that they are sound is for quick_check
// to say.
Result<void> MemoryBook::check_schema() {
  Query check(connection_->handle, "PRAGMA quick_check(1)");
  ISA_TRY(const bool has_answer, check.step());
  if (!has_answer || check.text(0) != "ok") return damaged("its pages do not fit together");
  Query schema(
      connection_->handle,
      "SELECT count(*) FILTER (WHERE name = 'memories' AND sql = ?1), count(*) FILTER (WHERE name NOT IN "
      "('memories', 'memories_data', 'memories_idx', 'memories_content', 'memories_docsize', "
      "'memories_config') OR type <> 'table') FROM sqlite_schema");
  ISA_TRY(const bool has_counts, schema.bind(kSchema).step());
  if (!has_counts || schema.number(0) != 1 || schema.number(1) != 0)
    return damaged("it does not hold what the memory tools write");
  return ok();
}

Result<std::int64_t> MemoryBook::count() {
  Query query(connection_->handle, "SELECT count(*) FROM memories");
  ISA_TRYV(query.step());
  return query.number(0);
}

Result<bool> MemoryBook::forget(const std::string& key) {
  ISA_TRYV(Query(connection_->handle, "DELETE FROM memories WHERE key = ?").bind(key).finish());
  return ::sqlite3_changes(connection_->handle) > 0;
}

Result<std::string> MemoryBook::store(Memory memory) {
  if (memory.key.empty()) {
    Query newest(connection_->handle, "SELECT coalesce(max(rowid), 0) + 1 FROM memories");
    ISA_TRYV(newest.step());
    memory.key = fmt::format("memory-{}", newest.number(0));
  }
  ISA_TRYV(forget(memory.key));
  ISA_TRY(const auto memories, count());
  if (memories >= kMemoriesMax)
    return payload_too_large("{} memories are kept already; forget some, or store several under one key",
                             memories);
  const auto tags = joined(memory.tags);
  Query insert(connection_->handle,
               "INSERT INTO memories(content, tags, key, updated_at) VALUES (?, ?, ?, ?)");
  ISA_TRYV(insert.bind(memory.content).bind(tags).bind(memory.key).bind(memory.updated_at).finish());
  return std::move(memory.key);
}

Result<MemoryHits> MemoryBook::search(const MemorySearch& search) {
  ISA_TRYV(connection_->check_time());
  MemoryHits hits;
  ISA_TRY(hits.total, count());
  const auto words = fts_query(search.query);
  if (!search.query.empty() && words.empty() && search.key.empty()) return hits;
  const bool by_words = search.key.empty() && !words.empty();
  std::string sql = "SELECT content, tags, key, updated_at";
  if (by_words) sql += ", snippet(memories, 0, '', '', '...', 48)";
  sql += " FROM memories WHERE ";
  sql += by_words ? "memories MATCH ?" : search.key.empty() ? "?1 = ?1" : "key = ?";
  for (std::size_t i = 0; i < search.tags.size(); ++i) sql += " AND instr(tags, ?) > 0";
  // A tag is worth less than the text: it says what a memory is about, not what it says.
  sql +=
      by_words ? " ORDER BY bm25(memories, 1.0, 0.5), rowid DESC" : " ORDER BY updated_at DESC, rowid DESC";
  sql += " LIMIT ?";
  std::vector<std::string> tags;
  for (const auto& tag : search.tags) tags.push_back("|" + tag + "|");
  Query query(connection_->handle, sql.c_str());
  query.bind(by_words ? std::string_view(words) : std::string_view(search.key));
  for (const auto& tag : tags) query.bind(tag);
  query.bind(search.limit);
  for (;;) {
    ISA_TRY(const bool has_row, query.step());
    if (!has_row) return hits;
    FoundMemory found{{query.text(2), query.text(0), split(query.text(1)), query.text(3)}, {}};
    if (found.memory.content.size() > kWholeMax && search.key.empty())
      found.snippet = by_words ? query.text(4) : found.memory.content;
    hits.found.push_back(std::move(found));
  }
}

Result<std::string> MemoryBook::bytes() const {
  sqlite3_int64 size = 0;
  unsigned char* copy = ::sqlite3_serialize(connection_->handle, "main", &size, 0);
  if (!copy) return internal_error("the memory cannot be written down");
  std::string bytes(reinterpret_cast<const char*>(copy), static_cast<std::size_t>(size));
  ::sqlite3_free(copy);
  if (bytes.size() > kFileMax)
    return payload_too_large("the memory is full ({} MB); forget what is not needed any more",
                             kFileMax >> 20);
  return bytes;
}

std::string fts_query(std::string_view plain) {
  std::string query;
  std::size_t words = 0;
  for (std::size_t at = 0; at < plain.size() && words < kQueryWordsMax;) {
    const auto begin = at;
    while (at < plain.size() && is_word_byte(static_cast<unsigned char>(plain[at]))) ++at;
    if (at > begin) {
      query += fmt::format("{}\"{}\"", words++ == 0 ? "" : " OR ", plain.substr(begin, at - begin));
    } else {
      ++at;
    }
  }
  return query;
}

}  // namespace isa::sdk
