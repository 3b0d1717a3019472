#pragma once

#include "base/result.h"

#include <chrono>
#include <string>

namespace isa::runtime {

// Asks at the Unix socket `from` for a listening socket, which comes as an SCM_RIGHTS message (unix(7)).
// Where the starter of a sandbox cannot let it inherit a descriptor, this is how it gets one whose file it
// never sees. Blocks: to be called before there is anything else to do.
Result<int> receive_listener(const std::string& from, std::chrono::seconds patience);

}  // namespace isa::runtime
