// Counts what a model's answer weighs while it passes.
#pragma once

#include "cloud_os/allowance.h"
#include "cloud_os/semaphore.h"
#include "net/http.h"
#include "store/sandbox_audit.h"

#include <functional>

namespace isa::cloud_os {

// One call of a model that is under way.
struct ModelCall {
  store::SandboxAuditEntry entry;
  sdk::Usage usage;                        // Counted so far.
  std::unique_ptr<Tally::Call> tally;      // Null for what is no call of a model (a list of them).
  Semaphore::Permit permit;                // To be one of those under way.
  std::function<void(ModelCall&)> report;  // When its last byte has passed, or it was left.
};

// `response` as it was. What it says of its usage counts before that part of it passes: whoever has read the
// whole answer can rely on it. A stream that is left before that counts as an estimate, and as unknown.
net::Response metered(net::Response response, ModelCall call);

}  // namespace isa::cloud_os
