#pragma once

#include "cloud_os/brokerage.h"
#include "net/router.h"

namespace isa::cloud_os {

// The secrets of users, and the audit trail.
void add_broker_routes(net::Router& router, Brokerage& brokerage);

}  // namespace isa::cloud_os
