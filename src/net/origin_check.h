#pragma once

#include "net/http.h"

namespace isa::net {

// Refuses what a web page of somebody else makes a browser send to a server on this machine (DNS rebinding,
// cross-site requests): the Host, and the Origin where there is one, must name this machine. The status is
// 421 or 403.
struct Refusal {
  int status;
  Error error;
};
std::optional<Refusal> refuse_foreign_host(const Headers& headers);

// localhost, 127.0.0.0/8 or [::1], with or without a port.
bool names_this_machine(std::string_view authority);

}  // namespace isa::net
