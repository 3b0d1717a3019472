#pragma once

#include "agent/run_engine.h"
#include "net/http.h"

namespace isa::agent {

// /api/v1/agents/runs: look at a run, read its events again, cancel it.
class RunRoutes {
 public:
  RunRoutes(store::RunStore& runs, RunEngine& engine) : runs_(runs), engine_(engine) {}

  using Answer = Task<Result<net::Response>>;
  Answer get(net::Request& request);
  Answer events(net::Request& request);
  Answer cancel(net::Request& request);

 private:
  Task<Result<store::Run>> find(const net::Request& request);

  store::RunStore& runs_;
  RunEngine& engine_;
};

}  // namespace isa::agent
