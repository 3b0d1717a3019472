// From a request's headers to who asks (design: api.md, "Identity, in this order").
#pragma once

#include "auth/client.h"
#include "auth/settings.h"
#include "net/server.h"

namespace isa::auth {

// 1. X-Internal-Service: true with X-Internal-Service-Secret: another role. X-User-Id then names on whose
// behalf.
// 2. Authorization: Bearer <token or isa_ key>, or X-API-Key: verified by `auth`, which may be null: an
//    `unauthorized` then says that no auth service is configured.
// 3. X-User-Id or user-id as it stands, from this machine, when settings.trust_user_header is on.
// A credential that is wrong is an error; the next way is tried only when the one before is absent. `auth`
// must outlive the guard.
net::Guard make_guard(Settings settings, AuthClient* auth);

}  // namespace isa::auth
