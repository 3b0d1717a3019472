// What the store keeps of a run that waits, and of a team whose tasks are under way, so that another process
// can go on with it.
#pragma once

#include "agent/live_run.h"

namespace isa::agent {

struct Continuation {
  RunOrder order;
  TurnRecord record;  // With the pending calls.
};

json::object write_continuation(const RunOrder& order, const TurnRecord& record,
                                const std::vector<sdk::PendingCall>& pending);
// Of a run and its session as they are stored. An error when another version of the platform wrote it in a
// way that this one does not understand.
Result<Continuation> read_continuation(const json::object& document, const store::Run& run,
                                       store::Session session);

// Whether what was running when it was written can be told from what was done, so that the run goes on after
// a crash: the tasks of a team. Anything else that a crash cuts off has ended.
bool survives_a_crash(const json::object& document);

}  // namespace isa::agent
