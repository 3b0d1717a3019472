#pragma once

#include "store/sqlite/database.h"

namespace isa::store::sqlite {

// The newest schema that this program knows; kept in the file as user_version.
std::int64_t schema_version();

// failed_dependency when the file belongs to another program or to a newer isA; it is not touched then.
Result<void> check_ownership(Database& db);

// Brings the schema up to date, each version in a transaction of its own. The connection must be the only
// writer.
Result<void> migrate(Database& db);

}  // namespace isa::store::sqlite
