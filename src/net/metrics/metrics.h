// Numbers about a running role, in Prometheus' format. A library of its own: what links isa::net alone needs
// no prometheus-cpp.
#pragma once

#include "net/server.h"

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace prometheus {
class Counter;
class Gauge;
class Histogram;
}  // namespace prometheus

namespace isa::net {

using Labels = std::map<std::string, std::string>;

// Cheap to copy; valid for as long as their Metrics. Safe from every thread.
class Counter {
 public:
  explicit Counter(prometheus::Counter& counter) : counter_(&counter) {}
  void add(double count = 1);

 private:
  prometheus::Counter* counter_;
};
class Gauge {
 public:
  explicit Gauge(prometheus::Gauge& gauge) : gauge_(&gauge) {}
  void set(double value);
  void add(double change);

 private:
  prometheus::Gauge* gauge_;
};
class Histogram {
 public:
  explicit Histogram(prometheus::Histogram& histogram) : histogram_(&histogram) {}
  void observe(double value);

 private:
  prometheus::Histogram* histogram_;
};

// Every number of a process. Made in src/app/ and handed around by reference. Asking twice for the same name
// and labels gives the same number; ask once and keep it. Safe from every thread.
class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // `help` says in a sentence what is counted, with its unit. Labels must take few values: never an id.
  Counter counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram histogram(const std::string& name, const std::string& help, const std::vector<double>& bounds,
                      const Labels& labels = {});

  // For ServerOptions::observer: isa_http_requests_total and isa_http_request_duration_seconds by role, route
  // and status. Must not be called after the Metrics are gone.
  std::function<void(const RequestSummary&)> http_observer(std::string role);

  // The text of GET /metrics.
  std::string page() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace isa::net
