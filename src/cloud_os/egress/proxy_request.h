// What a request to a proxy asks for, and what of it goes on (RFC 9112, section 3.2; RFC 9110, section 7.6).
#pragma once

#include "cloud_os/egress/rules.h"
#include "net/http.h"

namespace isa::cloud_os {

// CONNECT host:port. invalid_request when the target is no authority, or Host names something else.
Result<EgressTarget> tunnel_target(const net::Request& request);

struct PlainTarget {
  EgressTarget to;
  std::string path;      // With the query, as sent.
  bool use_tls = false;  // The URL is an https:// one: whoever asks leaves TLS to us.
};
// An absolute http:// or https:// URL. invalid_request when it is none, holds a user name, or Host names
// something else.
Result<PlainTarget> plain_target(const net::Request& request);

// Without what belongs to one connection only, what is meant for the proxy, and claims to be of the platform.
net::Headers headers_outside(const net::Headers& headers);
net::Headers headers_inside(const net::Headers& headers);

}  // namespace isa::cloud_os
