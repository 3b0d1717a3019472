// What the store keeps of a run that waits, in its session's queue or for a person, and of a team whose tasks
// are under way, so that another process can go on with it. Nothing in it is secret: it is what the request
// said, and what the agent's config says.
#pragma once

#include "agent/live_run.h"

namespace isa::agent {

struct Continuation {
  RunOrder order;                   // Its skills are yet to be looked up.
  std::vector<std::string> skills;  // Their names, under order.skills.scope.
  TurnRecord record;                // Of a run that has begun: with the pending calls.
  std::vector<std::string> unheard;
};

// Of a run that has not begun.
json::object write_order(const RunOrder& order);
json::object write_continuation(const LiveRun& run, const std::vector<sdk::PendingCall>& pending);
// Of a run and its session as they are stored. An error when another version of the platform wrote it in a
// way that this one does not understand.
Result<Continuation> read_order(const json::object& document, const store::Run& run, store::Session session);
Result<Continuation> read_continuation(const json::object& document, const store::Run& run,
                                       store::Session session);

// Whether what was running when it was written can be told from what was done, so that the run goes on after
// a crash: the tasks of a team. Anything else that a crash cuts off has ended.
bool survives_a_crash(const json::object& document);

}  // namespace isa::agent
