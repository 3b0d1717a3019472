// A row as the server keeps it: field, value, field, value ...
#pragma once

#include "store/pool_store.h"
#include "store/redis/reply.h"

namespace isa::store::redis {

// Of an instance that has no lease.
Command fields_of(const PoolInstance& instance);
// Of a lease, but the token, the session and the end, which the claim writes itself.
Command fields_of(const Lease& lease);
// internal_error when the fields are not those of an instance: somebody else writes under our prefix.
Result<PoolInstance> instance_of(const Reply& fields);

}  // namespace isa::store::redis
