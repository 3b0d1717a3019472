#include "net/service_routes.h"

#include "base/testing.h"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

namespace isa::net {
namespace {

Task<Health> be_broken() {
  Health health;
  health.is_ready = false;
  health.reason = "the store does not answer";
  health.dependencies["store"] = "unreachable";
  co_return health;
}

std::string show_page() {
  return "isa_x 1\n";
}

Response get(const ServiceInfo& info, std::string target, std::string peer = "127.0.0.1",
             std::string token = "") {
  Router router;
  add_service_routes(router, info);
  Request request;
  request.target = std::move(target);
  request.peer = std::move(peer);
  if (!token.empty()) request.headers.add("Authorization", "Bearer " + token);
  return testing::run(router.dispatch(request));
}

TEST(ServiceRoutes, SayHowARoleIs) {
  const auto response = get({"pool", "0.1.0", {}, {}, {}}, "/health");
  EXPECT_EQ(response.status, 200);
  const auto body = boost::json::parse(response.body).get_object();
  EXPECT_EQ(body.at("status"), "ok");
  EXPECT_EQ(body.at("role"), "pool");
  EXPECT_EQ(body.at("version"), "0.1.0");
  EXPECT_EQ(body.at("uptime_s"), 0);
  EXPECT_TRUE(body.at("dependencies").is_object());
}

TEST(ServiceRoutes, TellAlivenessFromReadiness) {
  const ServiceInfo info{"pool", "0.1.0", be_broken, {}, {}};
  const auto health = get(info, "/health");
  EXPECT_EQ(health.status, 200);
  const auto body = boost::json::parse(health.body).get_object();
  EXPECT_EQ(body.at("status"), "degraded");
  EXPECT_EQ(body.at("dependencies").at("store"), "unreachable");
  const auto ready = get(info, "/ready");
  EXPECT_EQ(ready.status, 503);
  EXPECT_NE(ready.body.find("the store does not answer"), std::string::npos);
  EXPECT_EQ(get({"pool", "0.1.0", {}, {}, {}}, "/ready").status, 200);
}

TEST(ServiceRoutes, AreAllPublicToTheGuard) {
  Router router;
  add_service_routes(router, {"pool", "0.1.0", {}, show_page, {}});
  EXPECT_EQ(router.routes().size(), 3U);
  for (const auto& route : router.routes()) EXPECT_TRUE(route.options.is_public) << route.pattern;
}

TEST(ServiceRoutes, ShowNumbersToThisMachineAndToTheToken) {
  const ServiceInfo info{"pool", "0.1.0", {}, show_page, "let-me-in"};
  for (const char* peer : {"127.0.0.1", "::1", "unix"})
    EXPECT_EQ(get(info, "/metrics", peer).body, "isa_x 1\n") << peer;
  EXPECT_EQ(get(info, "/metrics", "10.0.0.7").status, 401);
  EXPECT_EQ(get(info, "/metrics", "10.0.0.7", "let-me-on").status, 401);
  EXPECT_EQ(get(info, "/metrics", "10.0.0.7", "let-me").status, 401);
  EXPECT_EQ(get(info, "/metrics", "10.0.0.7", "let-me-in").status, 200);
  const ServiceInfo without_token{"pool", "0.1.0", {}, show_page, ""};
  EXPECT_EQ(get(without_token, "/metrics", "10.0.0.7").status, 401);
}

}  // namespace
}  // namespace isa::net
