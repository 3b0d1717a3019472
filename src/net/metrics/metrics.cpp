#include "net/metrics/metrics.h"

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>
#include <prometheus/text_serializer.h>

#include <unordered_map>

namespace isa::net {
namespace {

// Seconds: from an answer out of memory to a run that takes minutes.
const std::vector<double>& duration_bounds() {
  static const std::vector<double> bounds{0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1,
                                          0.25,   0.5,   1,      2.5,   5,    10,    30,   120};
  return bounds;
}

// The series of one server. Lives on that server's loop, so that the table needs no lock.
struct HttpSeries {
  struct Pair {
    Counter requests;
    Histogram duration;
  };
  std::string role;
  std::map<std::string, std::unordered_map<int, Pair>, std::less<>> by_route;
};

}  // namespace

struct Metrics::Impl {
  prometheus::Registry registry{prometheus::Registry::InsertBehavior::Merge};
};

void Counter::add(double count) {
  counter_->Increment(count);
}
void Gauge::set(double value) {
  gauge_->Set(value);
}
void Gauge::add(double change) {
  gauge_->Increment(change);
}
void Histogram::observe(double value) {
  histogram_->Observe(value);
}

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  return Counter(prometheus::BuildCounter().Name(name).Help(help).Register(impl_->registry).Add(labels));
}

Gauge Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  return Gauge(prometheus::BuildGauge().Name(name).Help(help).Register(impl_->registry).Add(labels));
}

Histogram Metrics::histogram(const std::string& name, const std::string& help,
                             const std::vector<double>& bounds, const Labels& labels) {
  auto& family = prometheus::BuildHistogram().Name(name).Help(help).Register(impl_->registry);
  return Histogram(family.Add(labels, prometheus::Histogram::BucketBoundaries(bounds.begin(), bounds.end())));
}

std::function<void(const RequestSummary&)> Metrics::http_observer(std::string role) {
  auto series = std::make_shared<HttpSeries>(HttpSeries{std::move(role), {}});
  return [this, series = std::move(series)](const RequestSummary& summary) {
    const std::string_view route = summary.route.empty() ? "unmatched" : summary.route;
    auto at = series->by_route.find(route);
    if (at == series->by_route.end()) at = series->by_route.try_emplace(std::string(route)).first;
    auto found = at->second.find(summary.status);
    if (found == at->second.end()) {
      const Labels labels{
          {"role", series->role}, {"route", at->first}, {"status", std::to_string(summary.status)}};
      const HttpSeries::Pair pair{counter("isa_http_requests_total", "HTTP requests answered.", labels),
                                  histogram("isa_http_request_duration_seconds",
                                            "Seconds from a request's head to the last byte of its answer.",
                                            duration_bounds(), labels)};
      found = at->second.emplace(summary.status, pair).first;
    }
    found->second.requests.add();
    found->second.duration.observe(std::chrono::duration<double>(summary.duration).count());
  };
}

std::string Metrics::page() const {
  return prometheus::TextSerializer().Serialize(impl_->registry.Collect());
}

}  // namespace isa::net
