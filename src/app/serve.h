// `isa up` and `isa serve ROLE`: the composition root. The only place that knows every role.
#pragma once

#include "app/platform_config.h"

#include <string>
#include <vector>

namespace isa::app {

const std::vector<std::string>& all_roles();

// Starts the roles, prints where to go, and returns after SIGTERM or SIGINT and a graceful stop. A second
// signal ends the process at once. The error says what could not be started and what to do.
// drain: the stop waits for the conversations in sandboxes to end first, at most pool.drain_timeout.
Result<void> serve(const PlatformConfig& config, const std::vector<std::string>& roles, bool drain);

}  // namespace isa::app
