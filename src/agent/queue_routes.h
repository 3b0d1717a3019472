#pragma once

#include "agent/run_engine.h"
#include "net/http.h"

namespace isa::agent {

// What waits in a session's queue: look at it, change its words or its place, or hand it to the run that is
// under way. A queued run is taken out by cancelling it.
class QueueRoutes {
 public:
  QueueRoutes(store::SessionStore& sessions, store::RunStore& runs, RunEngine& engine)
      : sessions_(sessions), runs_(runs), engine_(engine) {}

  using Answer = Task<Result<net::Response>>;
  Answer list(net::Request& request);
  Answer edit(net::Request& request);
  Answer steer(net::Request& request);

 private:
  Task<Result<std::shared_ptr<LiveRun>>> live(const net::Request& request, std::string code_when_over);
  Task<Result<void>> edit_message(LiveRun& run, std::string message);
  Task<Result<void>> move(const LiveRun& run, const std::optional<RunId>& before);
  Answer say(LiveRun& run, std::string message, TraceContext trace);
  Answer hand_over(LiveRun& queued);

  store::SessionStore& sessions_;
  store::RunStore& runs_;
  RunEngine& engine_;
};

}  // namespace isa::agent
