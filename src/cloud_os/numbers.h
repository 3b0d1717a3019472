// Figures about sandboxes for /metrics.
#pragma once

#include "cloud_os/vm.h"
#include "net/metrics/metrics.h"

#include <chrono>
#include <map>
#include <optional>

namespace isa::cloud_os {

// Counts nothing until it knows where to. Lives on the service's event loop.
class Numbers {
 public:
  // `metrics` outlives this.
  void report_to(net::Metrics& metrics, std::string_view backend);

  void created(std::chrono::steady_clock::duration took);
  void failed(std::string_view reason);
  void orphan_removed();
  void show_states(const std::map<VmStatus, std::int64_t>& count);

 private:
  net::Metrics* metrics_ = nullptr;
  net::Labels backend_;
  std::optional<net::Counter> created_, orphans_;
  std::optional<net::Histogram> create_seconds_;
};

}  // namespace isa::cloud_os
