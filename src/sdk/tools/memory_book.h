// What an agent chose to remember: short texts, found by full-text search (SQLite FTS5, best match first).
//
// The file is .isa/memory.db of the workspace. It is read whole, worked on in memory and written back in one
// step, so that it is opened by the workspace's own rules (no link leads out), no journal lies beside it, a
// crash leaves the old content, and an idle sandbox holds nothing of it. Its size is bounded for that. What
// runs in the sandbox may have written anything there: only a file with exactly the expected schema is used,
// and triggers, views and functions of the file are not trusted.
#pragma once

#include "base/deadline.h"
#include "base/json.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;

namespace isa::sdk {

struct Memory {
  std::string key;
  std::string content;
  std::vector<std::string> tags;
  std::string updated_at;  // RFC 3339.
};

struct FoundMemory {
  Memory memory;
  std::string snippet;  // The passage that matches best; empty when the whole content is short.
};

struct MemorySearch {
  std::string query;              // Plain words, any of which may match; empty: the newest.
  std::string key;                // That one alone, whatever the query.
  std::vector<std::string> tags;  // All of them.
  std::int64_t limit = 10;
};

struct MemoryHits {
  std::vector<FoundMemory> found;
  std::int64_t total = 0;  // Memories that there are, matching or not.
};

// Blocks; used by one thread at a time.
class MemoryBook {
 public:
  static constexpr std::int64_t kMemoriesMax = 5000;
  static constexpr std::size_t kFileMax = 8 << 20;      // Bytes.
  static constexpr std::size_t kContentMax = 16 << 10;  // Bytes of one memory.
  static constexpr std::size_t kWholeMax = 1 << 10;     // Content up to here needs no snippet.

  // An empty text is an empty book. A validation_error says why the bytes are no book. Work on it ends at the
  // deadline.
  static Result<MemoryBook> open(std::string_view bytes, Deadline deadline);
  MemoryBook(MemoryBook&&) noexcept;
  MemoryBook& operator=(MemoryBook&&) noexcept;
  ~MemoryBook();

  // In the place of the one with that key. Without a key it gets one of its own. Returns the key.
  Result<std::string> store(Memory memory);
  Result<bool> forget(const std::string& key);  // False when there is none.
  Result<MemoryHits> search(const MemorySearch& search);
  Result<std::string> bytes() const;  // What open() takes.

 private:
  struct Connection;
  explicit MemoryBook(std::unique_ptr<Connection> connection);
  Result<void> check_schema();
  Result<std::int64_t> count();

  std::unique_ptr<Connection> connection_;
};

// "it's a \"test\"" -> "it" OR "s" OR ...: every word a phrase of its own, so that nothing of it is syntax.
std::string fts_query(std::string_view plain);

}  // namespace isa::sdk
