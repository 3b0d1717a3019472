#pragma once

#include "net/metrics/metrics.h"
#include "store/sandbox_audit.h"

#include <map>

namespace isa::cloud_os {

// What the brokers of all sandboxes did, for /metrics. Lives on the brokers' event loop.
class BrokerNumbers {
 public:
  explicit BrokerNumbers(net::Metrics& metrics);

  void count(const store::SandboxAuditEntry& entry);
  void tunnel_opened() { tunnels_.add(1); }
  void tunnel_closed() { tunnels_.add(-1); }

 private:
  net::Metrics& metrics_;
  net::Gauge tunnels_;
  net::Counter bytes_out_;
  net::Counter bytes_in_;
  std::map<std::pair<store::AuditKind, store::AuditVerdict>, net::Counter> requests_;
  std::map<std::string, net::Counter> refusals_;
};

}  // namespace isa::cloud_os
