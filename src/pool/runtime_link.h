#pragma once

#include "net/client.h"
#include "sdk/runtime_protocol.h"

namespace isa::pool {

// A runtime that lives answers its health within this.
inline constexpr auto kProbeWithin = std::chrono::seconds(2);

// How the pool manager talks to the runtimes inside its sandboxes. Keeps a connection to each open, so that a
// warm sandbox is bound without connecting first.
class RuntimeLink {
 public:
  RuntimeLink();

  // GET /health; an error when it does not answer 200 in time.
  Task<Result<void>> probe(net::Endpoint at, Deadline deadline);
  Task<Result<void>> init(net::Endpoint at, sdk::RuntimeInit init, Deadline deadline);
  Task<Result<net::OpenResponse>> chat(net::Endpoint at, const sdk::RuntimeChat& chat);

 private:
  net::Client client_;
};

}  // namespace isa::pool
