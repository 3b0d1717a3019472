#pragma once

#include "agent/teams/team_plan.h"
#include "sdk/suspension.h"

#include <vector>

namespace isa::agent {

// Whether a turn that was run in `parts` parts so far may wait for these calls. Whatever runs it may be a
// hostile program: one that is suspended again and again, at calls without number or without names of their
// own, would keep the platform busy for nothing, or have one decision count for two calls. upstream_error
// when not. `origins`: of a team, whose the calls are, one by one.
Result<void> check_pending(int parts, const std::vector<sdk::PendingCall>& pending,
                           const std::vector<CallOrigin>& origins = {});

}  // namespace isa::agent
