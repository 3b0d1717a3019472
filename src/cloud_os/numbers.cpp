#include "cloud_os/numbers.h"

namespace isa::cloud_os {

void Numbers::report_to(net::Metrics& metrics, std::string_view backend) {
  metrics_ = &metrics;
  backend_ = {{"backend", std::string(backend)}};
  created_ = metrics.counter("isa_sandboxes_created_total", "Sandboxes that were created and became ready.",
                             backend_);
  orphans_ =
      metrics.counter("isa_sandbox_orphans_removed_total",
                      "Sandboxes that existed on the host without a record and were removed.", backend_);
  create_seconds_ = metrics.histogram("isa_sandbox_create_seconds",
                                      "Seconds from the request for a sandbox until its runtime answered.",
                                      {0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30}, backend_);
}

void Numbers::created(std::chrono::steady_clock::duration took) {
  if (!metrics_) return;
  created_->add();
  create_seconds_->observe(std::chrono::duration<double>(took).count());
}

void Numbers::failed(std::string_view reason) {
  if (!metrics_) return;
  auto labels = backend_;
  labels["reason"] = reason;
  metrics_
      ->counter("isa_sandbox_create_failures_total",
                "Sandboxes that did not become ready, by the code of the error.", labels)
      .add();
}

void Numbers::orphan_removed() {
  if (orphans_) orphans_->add();
}

void Numbers::show_states(const std::map<VmStatus, std::int64_t>& count) {
  if (!metrics_) return;
  using enum VmStatus;
  for (const auto status : {creating, running, stopped, paused, VmStatus::failed, deleted}) {
    auto labels = backend_;
    labels["state"] = json::name_of(status);
    const auto found = count.find(status);
    metrics_->gauge("isa_sandboxes", "Sandboxes that have a record, by state.", labels)
        .set(found == count.end() ? 0 : static_cast<double>(found->second));
  }
}

}  // namespace isa::cloud_os
