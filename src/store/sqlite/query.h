// Statements in one line: typed parameters in, typed columns out.
//
//   ISA_TRY(auto changed, change(db, "UPDATE runs SET state = ?1 WHERE id = ?2", RunState::running, id));
//   ISA_TRY(auto run, find_one(db, read_run, "SELECT ... FROM runs WHERE id = ?1", id));
#pragma once

#include "base/json.h"
#include "store/sqlite/database.h"

#include <optional>
#include <vector>

namespace isa::store::sqlite {

// Bytes that are no text.
struct Blob {
  std::string bytes;
};

inline void bind(Statement& to, int at, std::int64_t value) {
  to.bind_integer(at, value);
}
inline void bind(Statement& to, int at, std::string_view value) {
  to.bind_text(at, value);
}
inline void bind(Statement& to, int at, const std::string& value) {
  to.bind_text(at, value);
}
inline void bind(Statement& to, int at, Timestamp value) {
  to.bind_integer(at, to_millis(value));
}
inline void bind(Statement& to, int at, const Blob& value) {
  to.bind_blob(at, value.bytes);
}
inline void bind(Statement& to, int at, const json::object& value) {
  to.bind_owned_text(at, json::serialize(value));
}
template <class Tag>
void bind(Statement& to, int at, const Id<Tag>& value) {
  to.bind_text(at, value.value());
}
template <json::detail::DescribedEnum E>
void bind(Statement& to, int at, E value) {
  to.bind_text(at, json::name_of(value));
}
template <class T>
void bind(Statement& to, int at, const std::optional<T>& value) {
  if (value)
    bind(to, at, *value);
  else
    to.bind_null(at);
}

// A JSON document of our own. More lenient than json::parse: what was stored must stay readable, even when a
// tool put bytes into a message that are no UTF-8.
Result<json::value> parse_document(std::string_view text);

inline Result<void> take(const Row& row, int at, std::int64_t& to) {
  return to = row.integer(at), ok();
}
inline Result<void> take(const Row& row, int at, std::string& to) {
  return to = row.bytes(at), ok();
}
inline Result<void> take(const Row& row, int at, Timestamp& to) {
  return to = from_millis(row.integer(at)), ok();
}
inline Result<void> take(const Row& row, int at, Blob& to) {
  return to.bytes = row.bytes(at), ok();
}
Result<void> take(const Row& row, int at, json::object& to);
template <class Tag>
Result<void> take(const Row& row, int at, Id<Tag>& to) {
  to = Id<Tag>(std::string(row.bytes(at)));
  return ok();
}
template <json::detail::DescribedEnum E>
Result<void> take(const Row& row, int at, E& to) {
  const auto value = json::enum_named<E>(row.bytes(at));
  if (!value)
    return internal_error("the database holds a value that this version does not know")
        .with_detail(std::string(row.bytes(at)));
  to = *value;
  return ok();
}
template <class T>
Result<void> take(const Row& row, int at, std::optional<T>& to) {
  if (row.is_null(at)) return to.reset(), ok();
  return take(row, at, to.emplace());
}

// Reads the row's columns, from `first` on, in order.
template <class... Fields>
Result<void> take_all(const Row& row, int first, Fields&... fields) {
  Result<void> status = ok();
  ((status = status ? take(row, first++, fields) : std::move(status)), ...);
  return status;
}

template <class T>
Result<T> take_one(const Row& row) {
  T value{};
  ISA_TRYV(take(row, 0, value));
  return value;
}

template <class... Args>
void bind_all(Statement& statement, const Args&... args) {
  int at = 0;
  (bind(statement, ++at, args), ...);
}

// Runs a statement to its end; the number of rows that it changed.
template <class... Args>
Result<std::int64_t> change(Database& db, std::string_view sql, const Args&... args) {
  auto statement = db.prepare(sql);
  bind_all(statement, args...);
  ISA_TRYV(statement.step());
  return db.changes();
}

// The same where the number does not matter.
template <class... Args>
Result<void> run(Database& db, std::string_view sql, const Args&... args) {
  ISA_TRYV(change(db, sql, args...));
  return ok();
}

// The first row, if any.
template <class T, class... Args>
Result<std::optional<T>> find_one(Database& db, Result<T> (*read)(const Row&), std::string_view sql,
                                  const Args&... args) {
  auto statement = db.prepare(sql);
  bind_all(statement, args...);
  ISA_TRY(const bool found, statement.step());
  if (!found) return std::optional<T>();
  ISA_TRY(auto item, read(statement.row()));
  return std::optional<T>(std::move(item));
}

template <class T, class... Args>
Result<std::vector<T>> find_all(Database& db, Result<T> (*read)(const Row&), std::string_view sql,
                                const Args&... args) {
  auto statement = db.prepare(sql);
  bind_all(statement, args...);
  std::vector<T> items;
  while (true) {
    ISA_TRY(const bool found, statement.step());
    if (!found) return items;
    ISA_TRY(auto item, read(statement.row()));
    items.push_back(std::move(item));
  }
}

}  // namespace isa::store::sqlite
