#pragma once

#include "base/async.h"
#include "store/sandbox_audit.h"

#include <functional>
#include <map>

namespace isa::cloud_os {

// On the way to the store: what brokers report is gathered and written in batches, off their path.
//
// What is alike within one batch becomes one entry with a count, and of one sandbox a batch holds so many
// different ones only; a sandbox that knocks on doors all day fills neither the disk nor the log. Lives on
// one event loop.
class AuditTrail {
 public:
  explicit AuditTrail(store::SandboxAuditStore& store) : store_(store) {}

  void record(store::SandboxAuditEntry entry);
  // Writes what was gathered. What the store does not take is kept for the next time, as far as there is
  // room.
  Task<void> flush();
  // Told of every entry as it is recorded. The place to make an event of a run of it.
  void listen(std::function<void(const store::SandboxAuditEntry&)> listener) {
    listener_ = std::move(listener);
  }

 private:
  store::SandboxAuditStore& store_;
  std::function<void(const store::SandboxAuditEntry&)> listener_;
  std::map<std::string, store::SandboxAuditEntry> gathered_;
  std::map<SandboxId, std::size_t> distinct_;  // Keys of gathered_ by sandbox.
  std::vector<store::SandboxAuditEntry> unwritten_;
};

}  // namespace isa::cloud_os
