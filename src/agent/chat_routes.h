#pragma once

#include "agent/chat_planner.h"
#include "agent/run_engine.h"
#include "net/http.h"

namespace isa::agent {

// POST /api/v1/agents/chat and POST /query: begin a run and show it, as a stream or as one answer. The run
// goes on when its reader leaves, unless the request said cancel_on_disconnect.
class ChatRoutes {
 public:
  ChatRoutes(ChatPlanner& planner, RunEngine& engine) : planner_(planner), engine_(engine) {}

  using Answer = Task<Result<net::Response>>;
  Answer chat(net::Request& request);
  Answer query(net::Request& request);

 private:
  Task<Result<std::shared_ptr<LiveRun>>> begin(const Identity& who, ChatOptions options, std::string message);

  ChatPlanner& planner_;
  RunEngine& engine_;
};

}  // namespace isa::agent
