#include "store/sqlite/failure.h"

#include <sqlite3.h>

#include <cerrno>

namespace isa::store::sqlite {
namespace {

Error describe(int code, int system_error) {
  if (code == SQLITE_FULL || system_error == ENOSPC || system_error == EDQUOT)
    return service_unavailable(
        "the disk is full: nothing was saved; free space in the data directory and try again");
  switch (code) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return service_unavailable("the database is locked by another program; close it and try again");
    case SQLITE_READONLY:
    case SQLITE_PERM:
    case SQLITE_CANTOPEN:
      return service_unavailable(
          "the database cannot be written: check that the data directory exists, that this user may write in "
          "it, "
          "and that it is not mounted read-only");
    case SQLITE_NOTADB:
      return failed_dependency(
          "the database file is no SQLite database; move it away to begin with an empty one, or restore a "
          "backup");
    case SQLITE_CORRUPT: return internal_error("the database file is damaged; restore a backup");
    case SQLITE_TOOBIG: return payload_too_large("a value is too large for the database");
    case SQLITE_IOERR: return service_unavailable("the disk of the data directory failed: nothing was saved");
    default: return internal_error("the database refused a statement");
  }
}

}  // namespace

Error failure_of(sqlite3* connection) {
  const int extended = sqlite3_extended_errcode(connection);
  const int system_error = (extended & 0xff) == SQLITE_IOERR || (extended & 0xff) == SQLITE_CANTOPEN
                               ? sqlite3_system_errno(connection)
                               : 0;
  return describe(extended & 0xff, system_error)
      .with_detail(
          fmt::format("sqlite {}: {}; errno {}", extended, sqlite3_errmsg(connection), system_error));
}

}  // namespace isa::store::sqlite
