#pragma once

#include "net/http.h"

namespace isa::model {

// What a request that is passed on behalf of somebody may bring along. Everything else, above all
// credentials, stays behind.
net::Headers without_credentials(const net::Headers& headers);

}  // namespace isa::model
