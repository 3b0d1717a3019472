#pragma once

#include "agent/memory/memory_books.h"
#include "net/http.h"
#include "store/agent_config.h"

namespace isa::agent {

// /api/v1/agents/configs/{id}/memories: what an agent remembers of the caller.
class MemoryRoutes {
 public:
  MemoryRoutes(store::AgentConfigStore& configs, MemoryBooks& books) : configs_(configs), books_(books) {}

  using Answer = Task<Result<net::Response>>;
  Answer search(net::Request& request);
  Answer forget(net::Request& request);

 private:
  Task<Result<MemoryOwner>> whose(const net::Request& request);
  Answer ask(MemoryOwner whose, std::string tool, json::object arguments);

  store::AgentConfigStore& configs_;
  MemoryBooks& books_;
};

}  // namespace isa::agent
