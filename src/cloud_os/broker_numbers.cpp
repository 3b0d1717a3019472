#include "cloud_os/broker_numbers.h"

namespace isa::cloud_os {

BrokerNumbers::BrokerNumbers(net::Metrics& metrics)
    : metrics_(metrics),
      tunnels_(
          metrics.gauge("isa_broker_tunnels_open", "CONNECT tunnels of all sandboxes that are open now.")),
      bytes_out_(metrics.counter("isa_broker_bytes_total",
                                 "Bytes that went through the brokers of sandboxes.",
                                 {{"direction", "out"}})),
      bytes_in_(metrics.counter("isa_broker_bytes_total", "Bytes that went through the brokers of sandboxes.",
                                {{"direction", "in"}})) {}

void BrokerNumbers::count(const store::SandboxAuditEntry& entry) {
  bytes_out_.add(static_cast<double>(entry.bytes_out));
  bytes_in_.add(static_cast<double>(entry.bytes_in));
  const auto key = std::pair(entry.kind, entry.verdict);
  auto found = requests_.find(key);
  if (found == requests_.end()) {
    const net::Labels labels{{"kind", std::string(json::name_of(entry.kind))},
                             {"verdict", std::string(json::name_of(entry.verdict))}};
    found = requests_
                .emplace(key, metrics_.counter("isa_broker_requests_total",
                                               "What sandboxes asked of their brokers, by kind and verdict.",
                                               labels))
                .first;
  }
  found->second.add();
  if (entry.verdict != store::AuditVerdict::refused) return;
  auto refusal = refusals_.find(entry.reason);
  if (refusal == refusals_.end())
    refusal = refusals_
                  .emplace(entry.reason, metrics_.counter("isa_broker_refusals_total",
                                                          "What brokers refused to sandboxes, by reason.",
                                                          {{"reason", entry.reason}}))
                  .first;
  refusal->second.add();
}

}  // namespace isa::cloud_os
