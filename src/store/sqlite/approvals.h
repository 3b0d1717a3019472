#pragma once

#include "store/approval.h"
#include "store/sqlite/database.h"

namespace isa::store::sqlite {

Result<void> insert_approval(Database& db, const Approval& approval);

}  // namespace isa::store::sqlite
