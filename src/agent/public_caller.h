#pragma once

#include "net/server.h"

namespace isa::agent {

// Who calls a public route: nobody (an empty identity), or whoever `guard` knows.
inline Task<Identity> public_caller(net::Guard guard, const net::Request& request) {
  if (!request.identity.user.empty() || !guard) co_return request.identity;
  auto who = co_await guard(request);
  co_return who ? *std::move(who) : Identity{};
}

}  // namespace isa::agent
