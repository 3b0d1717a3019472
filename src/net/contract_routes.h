// A role serves its contract: GET /openapi.yaml, and GET /common.yaml, which holds what roles share and to
// which the first refers by a relative address.
#pragma once

#include "net/router.h"

#include <string_view>

namespace isa::net {

// The texts outlive the router. Both routes are public. Sent as text/plain, which a browser shows, where it
// would save application/yaml to a file.
void add_contract_routes(Router& router, std::string_view contract, std::string_view common);

}  // namespace isa::net
