#pragma once

#include "agent/chat_planner.h"
#include "agent/run_engine.h"
#include "net/http.h"
#include "store/idempotency_keys.h"

namespace isa::agent {

// POST /api/v1/agents/chat and POST /query: begin a run and show it, as a stream or as one answer. The run
// goes on when its reader leaves, unless the request said cancel_on_disconnect.
class ChatRoutes {
 public:
  ChatRoutes(ChatPlanner& planner, store::RunStore& runs, RunEngine& engine)
      : planner_(planner), runs_(runs), engine_(engine) {}

  using Answer = Task<Result<net::Response>>;
  Answer chat(net::Request& request, store::Once once);
  Answer query(net::Request& request, store::Once once);
  // Shows the run that an earlier request with the same Idempotency-Key began: its events from the first on,
  // or its answer. It may be under way, over, or cut off by a crash.
  Answer chat_made(net::Request& request, store::Once once);
  Answer query_made(net::Request& request, store::Once once);

 private:
  Task<Result<std::shared_ptr<LiveRun>>> begin(const net::Request& request, const store::Once& once,
                                               ChatOptions options, std::string message,
                                               bool ends_with_reader = false);

  ChatPlanner& planner_;
  store::RunStore& runs_;
  RunEngine& engine_;
};

}  // namespace isa::agent
