// The client of a platform, against a server that streams what a test tells it to.
#include "sdk/platform_client.h"

#include "base/testing.h"
#include "net/server.h"

#include <gtest/gtest.h>

namespace isa::sdk {
namespace {

class Counter final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }
  Task<ToolOutput> call(json::object, ToolContext) override {
    ++calls;
    co_return ToolOutput{.text = "counted"};
  }
  int calls = 0;

 private:
  ToolSpec spec_{"count", "", {}};
};

struct Platform {
  std::string events;                // Of the chat, as they are streamed.
  std::vector<std::string> decided;  // Paths and bodies.

  Task<Result<net::Response>> chat(net::Request&) {
    co_return net::Response::text(200, "text/event-stream", events);
  }
  Task<Result<net::Response>> decide(net::Request& request) {
    decided.push_back(request.param("request_id") + " " + request.body);
    co_return net::Response::json(200, json::object());
  }
};

std::string event(int seq, std::string_view body) {
  return fmt::format("id: run_1:{}\ndata: {}\n\n", seq, body);
}

constexpr const char* kEnd = R"({"type":"result","content":"done","metadata":{"subtype":"success"}})";

Task<void> chat_with(Platform& platform, std::shared_ptr<Counter> tool) {
  net::RouteOptions open_to_all{.is_public = true};
  net::Router router(
      {{net::Method::post, "/api/v1/agents/chat",
        [&platform](net::Request& request) { return platform.chat(request); }, open_to_all},
       {net::Method::post, "/api/v1/agents/runs/{id}/approvals/{request_id}",
        [&platform](net::Request& request) { return platform.decide(request); }, open_to_all}});
  const auto executor = co_await asio::this_coro::executor;
  net::Server server(executor, std::move(router), {});
  const auto at = server.listen(net::Endpoint::tcp("127.0.0.1", 0)).value();
  PlatformClient client(executor, {net::Url{at, ""}});
  auto stream = client.chat({.message = "hi", .tools = {tool}});
  while (co_await stream.next()) {
  }
  co_await client.stop();
  co_await server.stop();
}

TEST(PlatformClientTest, ACallThatThePlatformAsksForIsRunHereAndAnswered) {
  Platform platform;
  platform.events =
      event(
          1,
          R"({"type":"hil_request","content":"","metadata":{"request_id":"appr_1","kind":"tool","tool":"count"}})") +
      event(2, kEnd);
  const auto tool = std::make_shared<Counter>();
  isa::testing::run(chat_with(platform, tool));
  EXPECT_EQ(tool->calls, 1);
  EXPECT_EQ(platform.decided, std::vector<std::string>{R"(appr_1 {"decision":"approve","text":"counted"})"});
}

TEST(PlatformClientTest, WhatIsNoQuestionOfThePlatformRunsNothingHere) {
  Platform platform;
  platform.events =
      event(1, R"({"type":"hil_request","content":"","metadata":{"kind":"tool","tool":"count"}})") +
      event(2, R"({"type":"hil_request","content":"","metadata":{"request_id":"appr_1","tool":"count"}})") +
      event(3, R"({"type":"tool_use","content":"","metadata":{"tool_use_id":"1","tool":"count"}})") +
      event(4, kEnd);
  const auto tool = std::make_shared<Counter>();
  isa::testing::run(chat_with(platform, tool));
  EXPECT_EQ(tool->calls, 0);
  EXPECT_TRUE(platform.decided.empty());
}

}  // namespace
}  // namespace isa::sdk
