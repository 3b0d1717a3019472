// One sandbox of a pool and the steps of its life.
#pragma once

#include "net/endpoint.h"
#include "pool/conversation.h"
#include "store/pool_store.h"

#include <memory>
#include <optional>

namespace isa::pool {

using State = store::InstanceState;

// creating -> warm -> leased -> draining -> destroyed; warm -> draining when the pool shrinks or stops; any
// live state -> failed -> destroyed.
bool may_step(State from, State to);

// What the pool manager keeps in memory of a sandbox. The record is the row in PoolStore: memory follows it.
// Where several pool managers share the store, memory is what this one knew last.
struct Instance {
  InstanceId id;
  SandboxId sandbox_id;
  State state = State::creating;
  ManagerId manager;  // Who looks after it; another than us for a lease that we only serve a call of.
  std::string shape;
  std::optional<store::Lease> lease;
  net::Endpoint endpoint;  // Of the runtime inside.
  Timestamp created_at;

  Timestamp used_at;                               // When the lease was last made use of.
  std::size_t open_streams = 0;                    // A lease with an open stream does not expire.
  int failed_probes = 0;                           // In a row.
  std::optional<std::vector<std::string>> egress;  // As bound.
  bool is_suspect = false;                         // A stream broke off: look before it is used again.
  bool is_bound = false;  // Known to be: an adopted lease may stem from an acquire that a crash cut in half.
  bool is_adopted = false;      // Claimed by somebody else: an earlier life, another pool manager.
  bool may_be_limited = false;  // Its broker may hold the limits of a run.
  bool is_settling = false;     // Its removal is under way.
  Conversation conversation;
};

using InstancePtr = std::shared_ptr<Instance>;

// Makes the step. A step that the table does not allow is a bug of the caller and stops the process.
void step(Instance& instance, State to);

}  // namespace isa::pool
