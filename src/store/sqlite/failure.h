#pragma once

#include "base/error.h"

struct sqlite3;

namespace isa::store::sqlite {

// What the last failed call on `connection` means to whoever asked; SQLite's own words are the detail.
Error failure_of(sqlite3* connection);

}  // namespace isa::store::sqlite
