#pragma once

#include "agent/approvals/questions.h"

namespace isa::agent {

// The questions that whoever read these events has seen.
std::set<ApprovalId> asked_in(const std::vector<store::LoggedEvent>& events);

// A run between the moment at which its turn was suspended and the moment at which it goes on.
//
// What it asks and how it would go on are in the store before anybody is shown a question; the run is marked
// as running again before the first of its calls runs. So a restart of the platform finds a run that waits
// and lets it wait on, and a call that somebody approved runs once at most.
class RunPause {
 public:
  RunPause(store::RunStore& runs, store::ApprovalStore& approvals) : runs_(runs), approvals_(approvals) {}

  // One answer for each pending call (whose they are says run.record.origins), when all are decided.
  // `is_stored`: the run waited already when the platform was started.
  Task<Result<std::vector<sdk::CallAnswer>>> settle(LiveRun& run, std::vector<sdk::PendingCall> pending,
                                                    bool is_stored);

 private:
  Task<Result<std::vector<store::Approval>>> ask(LiveRun& run, const std::vector<sdk::PendingCall>& pending,
                                                 const std::vector<Inquiry>& inquiries);
  Task<Result<std::vector<store::Approval>>> wait(LiveRun& run, std::vector<store::Approval> open);
  Task<Result<bool>> expire(const std::vector<store::Approval>& questions);

  store::RunStore& runs_;
  store::ApprovalStore& approvals_;
};

}  // namespace isa::agent
