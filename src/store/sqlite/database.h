// One SQLite connection and its prepared statements. Used by one thread at a time.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct sqlite3;
struct sqlite3_stmt;

namespace isa::store::sqlite {

// The row that a statement stands on. Views are valid until the statement steps.
class Row {
 public:
  explicit Row(sqlite3_stmt* statement) : statement_(statement) {}

  bool is_null(int column) const;
  std::int64_t integer(int column) const;
  std::string_view bytes(int column) const;  // Of a text or a blob.

 private:
  sqlite3_stmt* statement_;
};

// One execution of a prepared statement: it binds, steps, and gives the statement back when it ends, so that
// no snapshot stays open. What it binds must outlive it. An error of any step is the answer of the next
// step().
class Statement {
 public:
  Statement(sqlite3* connection, sqlite3_stmt* statement, std::optional<Error> failure);
  Statement(const Statement&) = delete;
  Statement& operator=(const Statement&) = delete;
  ~Statement();

  void bind_null(int parameter);
  void bind_integer(int parameter, std::int64_t value);
  void bind_text(int parameter, std::string_view value);
  void bind_owned_text(int parameter,
                       const std::string& value);  // Copied: for what does not outlive the call.
  void bind_blob(int parameter, std::string_view value);

  // True when it stands on a row, false when it is done.
  Result<bool> step();
  Row row() const { return Row(statement_); }

 private:
  void check(int code);

  sqlite3* connection_;
  sqlite3_stmt* statement_;
  std::optional<Error> failure_;
};

class Database {
 public:
  // Opens the file, or creates it.
  static Result<Database> open(const std::filesystem::path& file);
  Database(Database&&) noexcept;
  Database& operator=(Database&&) noexcept;
  ~Database();

  // Statements without parameters whose rows do not matter.
  Result<void> execute(const char* sql);
  // Compiled at first use and kept: `sql` is one of a few texts, and values are bound, never written into it.
  Statement prepare(std::string_view sql);
  // Rows that the last statement inserted, updated or deleted.
  std::int64_t changes() const;
  // False after an error that made SQLite roll the whole transaction back (a full disk does).
  bool in_transaction() const;

 private:
  struct Connection;
  explicit Database(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

}  // namespace isa::store::sqlite
