// The pool manager's numbers in Prometheus' format. docs/operating names them.
#pragma once

#include "net/metrics/metrics.h"
#include "pool/stats.h"
#include "store/pool_store.h"

#include <map>

namespace isa::pool {

// Of one type of pool; the pools of several deployments add into the same numbers.
class Meters {
 public:
  Meters(net::Metrics& metrics, const std::string& pool_type);

  void count(store::InstanceState state, int change);
  void hit(std::chrono::nanoseconds took);
  void cold(std::chrono::nanoseconds took);
  void resumed();
  void miss(Miss why);
  void fallback(Fallback why);
  void refuse(Refusal why);
  void created(std::chrono::nanoseconds took);
  void create_failed();
  void destroyed();
  void expired();
  void recycled();
  void lost();
  void orphan_removed();
  void target_changed(double by);
  void waiting_changed(double by);

 private:
  net::Counter& outcome(const std::string& outcome, std::string_view reason);

  net::Metrics& metrics_;
  std::string type_;
  std::map<store::InstanceState, net::Gauge> instances_;
  std::map<std::string, net::Counter, std::less<>> outcomes_;
  net::Gauge target_, waiting_;
  net::Histogram acquire_warm_, acquire_cold_, create_;
  net::Counter created_, create_failed_, destroyed_, expired_, recycled_, lost_, orphans_;
};

}  // namespace isa::pool
