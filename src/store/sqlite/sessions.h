#pragma once

#include "base/identity.h"
#include "store/sqlite/database.h"

namespace isa::store::sqlite {

// not_found unless the caller may see the session.
Result<void> require_session(Database& db, const Identity& scope, const SessionId& id);

}  // namespace isa::store::sqlite
