#pragma once

#include "cloud_os/service.h"
#include "net/router.h"

namespace isa::cloud_os {

// The table of api.md, "cloud_os". A user sees own sandboxes only: anybody else's do not exist for that user.
// Other roles (identity.is_internal) see all.
net::Router routes(Service& service);

}  // namespace isa::cloud_os
