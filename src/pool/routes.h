#pragma once

#include "net/router.h"
#include "pool/service.h"

namespace isa::pool {

// The table of api.md, "Pool manager". A user sees and touches the instances of own leases only; anything
// else is not_found. Other roles (identity.is_internal) see and touch all.
net::Router make_router(Service& service);

}  // namespace isa::pool
