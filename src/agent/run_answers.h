// How a run is shown to who asked for it: as a stream, live or from its events.
#pragma once

#include "agent/live_run.h"
#include "net/http.h"

#include <memory>

namespace isa::agent {

// Ends the run when its one reader is gone before it ended.
class ReaderBond {
 public:
  explicit ReaderBond(std::shared_ptr<LiveRun> run) : run_(std::move(run)) {}
  ReaderBond(const ReaderBond&) = delete;
  ReaderBond& operator=(const ReaderBond&) = delete;
  ~ReaderBond() { run_->request_stop(StopReason::asked); }

 private:
  std::shared_ptr<LiveRun> run_;
};

// With the headers X-Run-Id and X-Session-Id.
net::Response with_ids(net::Response response, const RunId& run, const SessionId& session);
// `bond` may be null: then the run goes on without its reader.
net::Response streamed(std::shared_ptr<LiveRun> run, std::shared_ptr<ReaderBond> bond);
// 202, to a caller without a stream who would wait for as long as people take, or for the next start of the
// platform: {status: waiting | queued, session_id, run_id, approvals}
net::Response unfinished_answer(const LiveRun& run);
net::Response replayed(const store::Run& run, std::vector<store::LoggedEvent> events);

}  // namespace isa::agent
