#pragma once

#include "net/client.h"
#include "net/stream.h"

namespace isa::net {

// One request over a connection that the caller made himself, for whoever must decide where it leads. `to`
// says what Host and errors name; nothing is sent twice, and the connection serves no other request. Errors
// are those of Client::open.
Task<Result<OpenResponse>> exchange_once(std::unique_ptr<Stream> stream, Endpoint to, ClientRequest request,
                                         Deadline deadline, std::chrono::milliseconds silence);

}  // namespace isa::net
