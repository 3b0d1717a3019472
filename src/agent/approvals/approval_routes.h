#pragma once

#include "agent/run_engine.h"
#include "net/http.h"
#include "store/approval.h"

namespace isa::agent {

// Questions of agents to the caller: one inbox over all of them, and the decisions.
class ApprovalRoutes {
 public:
  ApprovalRoutes(store::ApprovalStore& approvals, store::RunStore& runs, RunEngine& engine)
      : approvals_(approvals), runs_(runs), engine_(engine) {}

  using Answer = Task<Result<net::Response>>;
  Answer list(net::Request& request);
  Answer of_run(net::Request& request);
  // Answers when the decision is in the store; the run goes on by itself.
  Answer decide(net::Request& request);
  Answer allowances(net::Request& request);
  Answer disallow(net::Request& request);

 private:
  Task<Result<void>> check_room(Identity caller, const store::Allowance& wanted);

  store::ApprovalStore& approvals_;
  store::RunStore& runs_;
  RunEngine& engine_;
};

}  // namespace isa::agent
