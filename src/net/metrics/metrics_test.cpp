#include "net/metrics/metrics.h"

#include <gtest/gtest.h>

namespace isa::net {
namespace {

void expect_line(const std::string& page, const std::string& line) {
  EXPECT_NE(page.find(line + "\n"), std::string::npos) << "no line '" << line << "' in\n" << page;
}

TEST(Metrics, AreShownWithTheirHelpAndLabels) {
  Metrics metrics;
  metrics.counter("isa_leases_total", "Leases given.", {{"pool", "agent"}}).add(2);
  auto gauge = metrics.gauge("isa_warm", "Warm instances.");
  gauge.set(7);
  gauge.add(-3);
  metrics.histogram("isa_wait_seconds", "Seconds of waiting.", {0.1, 1}).observe(0.5);
  const auto page = metrics.page();
  expect_line(page, "# HELP isa_leases_total Leases given.");
  expect_line(page, "# TYPE isa_leases_total counter");
  expect_line(page, "isa_leases_total{pool=\"agent\"} 2");
  expect_line(page, "isa_warm 4");
  expect_line(page, "isa_wait_seconds_bucket{le=\"0.1\"} 0");
  expect_line(page, "isa_wait_seconds_bucket{le=\"1\"} 1");
}

TEST(Metrics, GiveTheSameNumberToWhoeverAsksAgain) {
  Metrics metrics;
  metrics.counter("isa_x_total", "X.").add();
  metrics.counter("isa_x_total", "X.").add();
  expect_line(metrics.page(), "isa_x_total 2");
}

TEST(Metrics, CountRequestsByRouteAndStatusAndNeverByPath) {
  Metrics metrics;
  const auto observe = metrics.http_observer("pool");
  Request request;
  request.path = "/items/secret-id";
  observe({request, "/items/{id}", 200, std::chrono::microseconds(1500)});
  observe({request, "/items/{id}", 200, std::chrono::microseconds(1500)});
  observe({request, "", 404, std::chrono::microseconds(10)});
  const auto page = metrics.page();
  expect_line(page, R"(isa_http_requests_total{role="pool",route="/items/{id}",status="200"} 2)");
  expect_line(page, R"(isa_http_requests_total{role="pool",route="unmatched",status="404"} 1)");
  expect_line(
      page,
      R"(isa_http_request_duration_seconds_bucket{role="pool",route="/items/{id}",status="200",le="0.001"} 0)");
  expect_line(
      page,
      R"(isa_http_request_duration_seconds_bucket{role="pool",route="/items/{id}",status="200",le="0.0025"} 2)");
  EXPECT_EQ(page.find("secret-id"), std::string::npos);
}

}  // namespace
}  // namespace isa::net
