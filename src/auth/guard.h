// From a request's headers to who asks (design: api.md, "Identity, in this order").
#pragma once

#include "auth/client.h"
#include "auth/settings.h"
#include "net/server.h"

namespace isa::auth {

// What becomes of a key that is not one of ours while nobody is there to verify keys
// (docs/decisions/0005-placeholder-keys.md). `ignored` is for a server that client libraries speak to which
// insist on some key, and holds only where X-User-Id would be believed as well.
enum class PlaceholderKeys { refused, ignored };

// Who asks when a placeholder key is all that a request says of it.
inline constexpr std::string_view kLocalUser = "local";

// 1. X-Internal-Service: true with X-Internal-Service-Secret: another role. X-User-Id then names on whose
// behalf.
// 2. Authorization: Bearer <token or isa_ key>, or X-API-Key: verified by `auth`, which may be null: an
//    `unauthorized` then says that no auth service is configured.
// 3. X-User-Id or user-id as it stands, from this machine, when settings.trust_user_header is on.
// A credential that is wrong is an error; the next way is tried only when the one before is absent. `auth`
// must outlive the guard.
net::Guard make_guard(Settings settings, AuthClient* auth,
                      PlaceholderKeys placeholders = PlaceholderKeys::refused);

}  // namespace isa::auth
