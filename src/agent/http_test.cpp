// The service behind its real server: who gets in, and what happens when a connection drops.
#include "agent/test_platform.h"
#include "net/client.h"

#include <gtest/gtest.h>

namespace isa::agent {
namespace {

using net::Method;
using testing::Platform;
using testing::with_platform;

// Believes a header, like the platform on loopback; identity itself is the auth role's.
Task<Result<Identity>> believe_header(const net::Request& request) {
  const auto user = request.headers.get("user-id");
  if (user.empty()) co_return unauthorized("say who you are");
  co_return Identity{.user = UserId(std::string(user))};
}

struct Served {
  Served(asio::any_io_executor executor, Platform& platform) {
    net::ServerOptions options;
    options.name = "agent";
    options.guard = [](const net::Request& request) { return believe_header(request); };
    server = std::make_unique<net::Server>(executor, platform.router, options);
    endpoint = server->listen(net::Endpoint::tcp("127.0.0.1", 0)).value();
  }
  Task<int> status_of(Method method, std::string target, std::string user = "") {
    net::ClientRequest request{.method = method, .target = std::move(target)};
    if (!user.empty()) request.headers.set("user-id", user);
    const auto answer =
        co_await client.send(endpoint, std::move(request), Deadline::after(std::chrono::seconds(10)));
    co_return answer ? answer->status : -1;
  }
  Task<std::unique_ptr<net::BodyStream>> chat(std::string body, std::string& run) {
    net::ClientRequest request{
        .method = Method::post, .target = "/api/v1/agents/chat", .body = std::move(body)};
    request.headers.set("user-id", "ann");
    request.headers.set("Content-Type", "application/json");
    auto answer =
        co_await client.open(endpoint, std::move(request), Deadline::after(std::chrono::seconds(10)));
    EXPECT_TRUE(answer);
    if (!answer) co_return nullptr;
    run = std::string(answer->headers.get("X-Run-Id"));
    co_return std::move(answer->body);
  }
  std::unique_ptr<net::Server> server;
  net::Endpoint endpoint;
  net::Client client;
};

TEST(Http, EveryRouteButThePublicOnesAsksWhoIsThere) {
  with_platform([](Platform& p) -> Task<void> {
    Served served(co_await asio::this_coro::executor, p);
    const std::set<std::string> open{"/health",
                                     "/ready",
                                     "/metrics",
                                     "/api/v1/agents/templates",
                                     "/api/v1/agents/templates/{id}",
                                     "/api/v1/agents/skills",
                                     "/api/v1/agents/skills/{name}"};
    for (const auto& route : p.router.routes()) {
      auto target = route.pattern;
      while (target.find('{') != std::string::npos) {
        const auto at = target.find('{');
        target.replace(at, target.find('}') - at + 1, "plain");
      }
      const auto status = co_await served.status_of(route.method, target);
      const bool is_open = route.method == Method::get && open.contains(route.pattern);
      EXPECT_EQ(status, is_open ? 200 : 401) << net::to_string(route.method) << " " << route.pattern;
    }
    EXPECT_EQ(co_await served.status_of(Method::get, "/api/v1/agents/configs", "ann"), 200);
    co_await served.server->stop();
  });
}

Task<std::string> state_of(Platform& p, std::string run) {
  const auto row = co_await p.get("/api/v1/agents/runs/" + run);
  co_return std::string(row.at("state").as_string());
}

TEST(Http, ADroppedConnectionDoesNotEndARun) {
  with_platform([](Platform& p) -> Task<void> {
    Served served(co_await asio::this_coro::executor, p);
    p.model.pause_after = 1;
    std::string run;
    auto body = co_await served.chat(R"({"message":"hi"})", run);
    std::ignore = co_await body->read();
    body.reset();
    p.model.resume();
    const auto rest = co_await p.send({Method::get, "/api/v1/agents/runs/" + run + "/events"});
    std::ignore = co_await p.read(rest);
    EXPECT_EQ(co_await state_of(p, run), "succeeded");
    co_await served.server->stop();
  });
}

TEST(Http, ADroppedConnectionEndsARunThatAskedForIt) {
  with_platform([](Platform& p) -> Task<void> {
    Served served(co_await asio::this_coro::executor, p);
    p.model.pause_after = 1;
    std::string run;
    auto body = co_await served.chat(R"({"message":"hi","cancel_on_disconnect":true})", run);
    std::ignore = co_await body->read();
    body.reset();
    const auto rest = co_await p.send({Method::get, "/api/v1/agents/runs/" + run + "/events"});
    std::ignore = co_await p.read(rest);
    EXPECT_EQ(co_await state_of(p, run), "cancelled");
    co_await served.server->stop();
  });
}

Task<void> ask_and_leave(Served& served, std::string body) {
  net::ClientRequest request{
      .method = Method::post, .target = "/api/v1/agents/chat", .body = std::move(body)};
  request.headers.set("user-id", "ann");
  std::ignore = co_await served.client.send(served.endpoint, std::move(request),
                                            Deadline::after(std::chrono::minutes(1)));
}

TEST(Http, WhoWaitsForTheWholeAnswerAndLeavesEndsARunThatAskedForIt) {
  with_platform([](Platform& p) -> Task<void> {
    const auto executor = co_await asio::this_coro::executor;
    Served served(executor, p);
    p.model.pause_after = 1;
    TaskGroup tasks(executor);
    tasks.spawn(
        "ask",
        ask_and_leave(served,
                      R"({"message":"hi","stream":false,"cancel_on_disconnect":true,"session_id":"s"})"));
    co_await p.model.wait_for_requests(1);
    co_await tasks.stop();
    const auto runs = co_await p.get("/api/v1/agents/sessions/s/runs");
    const std::string run(runs.at("runs").as_array().at(0).at("id").as_string());
    const auto rest = co_await p.send({Method::get, "/api/v1/agents/runs/" + run + "/events"});
    std::ignore = co_await p.read(rest);
    EXPECT_EQ(co_await state_of(p, run), "cancelled");
    co_await served.server->stop();
  });
}

}  // namespace
}  // namespace isa::agent
