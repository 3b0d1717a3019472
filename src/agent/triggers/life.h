// What becomes of a trigger when it fires and when its run ends. Pure functions: they run inside a
// transaction of the store (store/trigger.h, TriggerDecision).
#pragma once

#include "agent/triggers/rules.h"

namespace isa::agent {

struct TriggerPolicy {
  std::int64_t max_failures = 5;              // Runs that fail in a row before it is disabled.
  std::chrono::milliseconds backoff{30'000};  // After the first failure; doubled with each further one,
  std::chrono::milliseconds backoff_max{3'600'000};  // at most so long.
  std::int64_t max_open = 8;                         // Firings whose runs have not ended.
};

// Why a trigger cannot fire at `at`; nothing when it can. conflict: it is disabled. rate_limit_exceeded: it
// rests, with retry_after, or too many of its runs have not ended. The codes are trigger_disabled,
// trigger_cooldown and trigger_busy.
std::optional<Error> hold_of(const store::Trigger& trigger, std::int64_t open_firings, Timestamp at,
                             const TriggerPolicy& policy);

// What it fires for.
struct Cause {
  store::FiringId firing;
  RunId run;
  SessionId session;
  store::FiringCause cause = store::FiringCause::schedule;
  json::object payload;
  std::optional<std::string> once;
};

// The trigger fires at `at`: it rests for its cooldown then, and a schedule gets its next time, the first one
// after that rest. What a schedule missed is one firing, with the time that it was due first. A test leaves
// the trigger as it was.
Result<store::TriggerStep> fired(store::Trigger trigger, json::object memo, Cause cause, Timestamp at);
// A schedule that is due while it cannot fire (trigger_busy): its next time.
Result<store::TriggerStep> passed_over(store::Trigger trigger, json::object memo, Timestamp at);

// How a run of it ended. After a failure it pauses, longer each time, and is disabled after the last that the
// policy allows, or at once where no run can ever begin (`is_final`). A run that was cancelled or interrupted
// says nothing about the trigger.
store::Trigger run_ended(store::Trigger trigger, store::FiringState end, const std::string& error,
                         bool is_final, Timestamp at, const TriggerPolicy& policy);

// Enabled by its owner: failures are forgotten, a schedule gets its next time. validation_error when its one
// time has passed.
Result<store::Trigger> enabled(store::Trigger trigger, Timestamp at);
store::Trigger disabled(store::Trigger trigger, std::optional<std::string> reason, Timestamp at);

}  // namespace isa::agent
