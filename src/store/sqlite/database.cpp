#include "store/sqlite/database.h"

#include "store/sqlite/failure.h"

#include <sqlite3.h>

#include <unordered_map>
#include <utility>

namespace isa::store::sqlite {

bool Row::is_null(int column) const {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

std::int64_t Row::integer(int column) const {
  return sqlite3_column_int64(statement_, column);
}

std::string_view Row::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  return data ? std::string_view(data, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)))
              : std::string_view();
}

Statement::Statement(sqlite3* connection, sqlite3_stmt* statement, std::optional<Error> failure)
    : connection_(connection), statement_(statement), failure_(std::move(failure)) {}

Statement::~Statement() {
  if (!statement_) return;
  sqlite3_reset(statement_);  // Repeats the error of step(), which was reported.
  sqlite3_clear_bindings(statement_);
}

void Statement::check(int code) {
  if (code != SQLITE_OK && !failure_) failure_ = failure_of(connection_);
}

void Statement::bind_null(int parameter) {
  if (!failure_) check(sqlite3_bind_null(statement_, parameter));
}

void Statement::bind_integer(int parameter, std::int64_t value) {
  if (!failure_) check(sqlite3_bind_int64(statement_, parameter, value));
}

// A default-constructed view has no data; SQLite would read that as null.
void Statement::bind_text(int parameter, std::string_view value) {
  if (failure_) return;
  check(sqlite3_bind_text64(statement_, parameter, value.empty() ? "" : value.data(), value.size(),
                            SQLITE_STATIC, SQLITE_UTF8));
}

void Statement::bind_owned_text(int parameter, const std::string& value) {
  if (failure_) return;
  check(
      sqlite3_bind_text64(statement_, parameter, value.data(), value.size(), SQLITE_TRANSIENT, SQLITE_UTF8));
}

void Statement::bind_blob(int parameter, std::string_view value) {
  if (failure_) return;
  check(sqlite3_bind_blob64(statement_, parameter, value.empty() ? "" : value.data(), value.size(),
                            SQLITE_STATIC));
}

Result<bool> Statement::step() {
  if (failure_) return Failure(*failure_);
  switch (sqlite3_step(statement_)) {
    case SQLITE_ROW: return true;
    case SQLITE_DONE: return false;
    default: return failure_of(connection_);
  }
}

// Looks up a std::string without making one.
struct TextHash : std::hash<std::string_view> {
  using is_transparent = void;
};

struct Database::Connection {
  sqlite3* handle = nullptr;
  std::unordered_map<std::string, sqlite3_stmt*, TextHash, std::equal_to<>> statements;

  Connection() = default;
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    for (const auto& [sql, statement] : statements) sqlite3_finalize(statement);
    sqlite3_close(handle);
  }
};

Database::Database(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
Database::Database(Database&&) noexcept = default;
Database& Database::operator=(Database&&) noexcept = default;
Database::~Database() = default;

Result<Database> Database::open(const std::filesystem::path& file) {
  auto connection = std::make_unique<Connection>();
  // No mutex inside SQLite: a connection never has two threads.
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  if (sqlite3_open_v2(file.c_str(), &connection->handle, kFlags, nullptr) != SQLITE_OK)
    return failure_of(connection->handle);
  sqlite3_extended_result_codes(connection->handle, 1);
  sqlite3_busy_timeout(connection->handle, 5000);
  return Database(std::move(connection));
}

Result<void> Database::execute(const char* sql) {
  if (sqlite3_exec(connection_->handle, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
    return failure_of(connection_->handle);
  return ok();
}

Statement Database::prepare(std::string_view sql) {
  auto* const handle = connection_->handle;
  if (const auto known = connection_->statements.find(sql); known != connection_->statements.end())
    return Statement(handle, known->second, std::nullopt);
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v3(handle, sql.data(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT,
                         &statement, nullptr) != SQLITE_OK)
    return Statement(handle, nullptr, failure_of(handle));
  connection_->statements.emplace(std::string(sql), statement);
  return Statement(handle, statement, std::nullopt);
}

std::int64_t Database::changes() const {
  return sqlite3_changes64(connection_->handle);
}

bool Database::in_transaction() const {
  return sqlite3_get_autocommit(connection_->handle) == 0;
}

}  // namespace isa::store::sqlite
