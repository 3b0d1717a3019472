// The client against servers over HTTP, each scripted by its test.
#include "base/signal.h"
#include "base/task_group.h"
#include "base/testing.h"
#include "net/server.h"
#include "sdk/mcp/client.h"
#include "sdk/mcp/http_transport.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace isa::sdk::mcp {
namespace {

using net::Method;

struct Seen {
  Method method;
  net::Headers headers;
  json::object body;

  std::string rpc() const {
    return body.contains("method") ? std::string(body.at("method").as_string()) : "";
  }
};

// Answers as the test's script says, and remembers what it was asked.
class Fake {
 public:
  using Script = std::function<Task<Result<net::Response>>(const Seen&, std::size_t)>;

  Fake(asio::any_io_executor executor, Script script) : script_(std::move(script)) {
    std::vector<net::Route> routes;
    for (const auto method : {Method::post, Method::get, Method::del})
      routes.push_back({method,
                        "/mcp",
                        [this, method](net::Request& request) { return answer(method, request); },
                        {.is_public = true, .cancel_on_disconnect = true}});
    net::ServerOptions options;
    options.name = "mcp";
    server_ = std::make_unique<net::Server>(executor, net::Router(std::move(routes)), options);
    at = server_->listen(net::Endpoint::tcp("127.0.0.1", 0)).value();
  }
  Task<void> stop() { co_await server_->stop(); }
  std::size_t count(std::string_view rpc) const {
    std::size_t found = 0;
    for (const auto& one : seen) found += one.rpc() == rpc ? 1 : 0;
    return found;
  }

  std::ptrdiff_t gets() const { return std::ranges::count(seen, Method::get, &Seen::method); }

  net::Endpoint at;
  std::vector<Seen> seen;

 private:
  Task<Result<net::Response>> answer(Method method, net::Request& request) {
    Seen one{method, request.headers, {}};
    if (auto body = json::parse(request.body); body && body->is_object()) one.body = body->get_object();
    seen.push_back(one);
    co_return co_await script_(one, seen.size());
  }

  Script script_;
  std::unique_ptr<net::Server> server_;
};

net::Response result(const Seen& to, json::object of) {
  return net::Response::json(200, {{"jsonrpc", "2.0"}, {"id", to.body.at("id")}, {"result", std::move(of)}});
}

net::Response error(const Seen& to, int status, std::int64_t code, json::object data = {}) {
  return net::Response::json(status,
                             {{"jsonrpc", "2.0"},
                              {"id", to.body.at("id")},
                              {"error", {{"code", code}, {"message", "no"}, {"data", std::move(data)}}}});
}

net::Response legacy_basics(const Seen& to) {
  if (to.method == Method::del) return {.status = 204};
  if (to.rpc() == "initialize") {
    auto response =
        result(to, {{"protocolVersion", "2025-11-25"}, {"capabilities", {{"tools", json::object()}}}});
    response.headers.set("MCP-Session-Id", "session-1");
    return response;
  }
  if (!to.body.contains("id")) return {.status = 202};
  return error(to, 400, -32600);
}

json::object discovery() {
  return {{"resultType", "complete"},
          {"supportedVersions", json::array{"2026-07-28"}},
          {"capabilities", {{"tools", json::object()}}}};
}

struct Scene {
  Fake& fake;
  Client& client;
};

CallLimits soon() {
  CallLimits limits;
  limits.deadline = Deadline::after(std::chrono::seconds(10));
  return limits;
}

void with_fake(Fake::Script script, Task<void> (*body)(Scene&), bool listens = false) {
  const auto whole = [](Fake::Script how, Task<void> (*inner)(Scene&), bool is_listening) -> Task<void> {
    auto executor = co_await asio::this_coro::executor;
    Fake fake(executor, std::move(how));
    net::Client http;
    HttpServer server;
    server.name = "test";
    server.to = fake.at;
    server.target = "/mcp";
    server.listens = is_listening;
    ClientOptions options;
    options.server = "test";
    Client client(make_http_transport(executor, http, std::move(server)), std::move(options));
    Scene scene{fake, client};
    co_await inner(scene);
    co_await client.close();
    co_await fake.stop();
  };
  isa::testing::run(whole(std::move(script), body, listens));
}

ToolInfo tool(std::string name) {
  ToolInfo info;
  info.name = std::move(name);
  return info;
}

TEST(HttpClient, TheNewGenerationSaysInHeadersWhatTheBodySays) {
  const auto script = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.rpc() == "server/discover") co_return result(seen, discovery());
    co_return result(seen, {{"resultType", "complete"}, {"content", json::array()}});
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    auto info = tool("a tool");
    info.headers = {{{"region"}, "Mcp-Param-Region"}};
    EXPECT_TRUE(co_await s.client.call_tool(info, {{"region", "eu"}}, soon()));
    const auto& call = s.fake.seen.at(1);
    EXPECT_EQ(call.headers.get("MCP-Protocol-Version"), "2026-07-28");
    EXPECT_EQ(call.headers.get("Mcp-Method"), "tools/call");
    EXPECT_EQ(call.headers.get("Mcp-Name"), "a tool");
    EXPECT_EQ(call.headers.get("Mcp-Param-Region"), "eu");
    EXPECT_FALSE(call.headers.has("MCP-Session-Id"));
    const auto& meta = call.body.at("params").at("_meta");
    EXPECT_EQ(meta.at("io.modelcontextprotocol/protocolVersion").as_string(), "2026-07-28");
    EXPECT_TRUE(meta.at("io.modelcontextprotocol/clientCapabilities").is_object());
  });
}

TEST(HttpClient, AVersionThatIsRefusedIsTriedOnceMoreOrLeft) {
  const auto twice = [](const Seen& seen, std::size_t count) -> Task<Result<net::Response>> {
    if (count == 1) co_return error(seen, 400, -32022, {{"supported", json::array{"2026-07-28"}}});
    co_return result(seen, discovery());
  };
  with_fake(twice, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    EXPECT_EQ(s.client.era(), Era::modern);
  });
  const auto older = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.rpc() == "server/discover")
      co_return error(seen, 400, -32022, {{"supported", json::array{"2025-11-25"}}});
    co_return legacy_basics(seen);
  };
  with_fake(older, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    EXPECT_EQ(s.client.version(), "2025-11-25");
  });
}

TEST(HttpClient, AnOlderServerHasASessionThatIsEndedInTheEnd) {
  const auto script = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.rpc() == "tools/call") co_return result(seen, {{"content", json::array()}});
    co_return legacy_basics(seen);
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    EXPECT_TRUE(co_await s.client.call_tool(tool("t"), {}, soon()));
    const auto& call = s.fake.seen.back();
    EXPECT_EQ(call.headers.get("MCP-Session-Id"), "session-1");
    EXPECT_EQ(call.headers.get("MCP-Protocol-Version"), "2025-11-25");
    EXPECT_FALSE(call.headers.has("Mcp-Method"));
    co_await s.client.close();
    EXPECT_EQ(s.fake.seen.back().method, Method::del);
    EXPECT_EQ(s.fake.seen.back().headers.get("MCP-Session-Id"), "session-1");
  });
}

TEST(HttpClient, ASessionThatTheServerForgotIsBegunAnew) {
  const auto script = [](const Seen& seen, std::size_t count) -> Task<Result<net::Response>> {
    // 1 discover, 2 initialize, 3 initialized, 4 the call that is refused, 5 and 6 again, 7 the call.
    if (seen.rpc() == "tools/call" && count == 4) co_return net::Response{.status = 404};
    if (seen.rpc() == "tools/call") co_return result(seen, {{"content", json::array()}});
    co_return legacy_basics(seen);
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    EXPECT_TRUE(co_await s.client.call_tool(tool("t"), {}, soon()));
    EXPECT_EQ(s.fake.count("initialize"), 2u);
    for (const auto& one : s.fake.seen)
      if (one.rpc() == "initialize") EXPECT_FALSE(one.headers.has("MCP-Session-Id"));
    EXPECT_EQ(s.fake.count("tools/call"), 2u);
  });
}

net::Response stream(std::string text) {
  return net::Response::sse(
      [text = std::move(text)](net::BodyWriter& to) -> Task<void> { std::ignore = co_await to.write(text); });
}

std::string event(const json::object& message) {
  return fmt::format("event: message\ndata: {}\n\n", json::serialize(message));
}

TEST(HttpClient, AStreamBringsNewsBeforeTheAnswer) {
  const auto script = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.rpc() == "server/discover") co_return result(seen, discovery());
    const auto& id = seen.body.at("id");
    json::object progress{{"progressToken", id}, {"progress", 1}, {"message", "half"}};
    co_return stream(": hello\n\n" +
                     event({{"jsonrpc", "2.0"}, {"method", "notifications/progress"}, {"params", progress}}) +
                     event({{"jsonrpc", "2.0"}, {"id", id}, {"result", {{"content", json::array()}}}}));
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    auto limits = soon();
    std::string said;
    limits.progress = [&said](const Progress& progress) { said = progress.message; };
    EXPECT_TRUE(co_await s.client.call_tool(tool("t"), {}, limits));
    EXPECT_EQ(said, "half");
  });
}

TEST(HttpClient, AStreamThatEndsTooSoonIsResumedWhereTheServerSaysHow) {
  const auto script = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.rpc() == "tools/call") co_return stream("id: e1\nretry: 5\ndata: \n\n");
    if (seen.method == Method::get) {
      if (seen.headers.get("Last-Event-ID") == "e1") co_return stream("id: e2\ndata: \n\n");
      co_return stream(event({{"jsonrpc", "2.0"}, {"id", 3}, {"result", {{"content", json::array()}}}}));
    }
    co_return legacy_basics(seen);
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    const auto answer = co_await s.client.call_tool(tool("t"), {}, soon());
    EXPECT_TRUE(answer) << answer.error().message();
    EXPECT_EQ(s.fake.seen.back().headers.get("Last-Event-ID"), "e2");
  });
}

TEST(HttpClient, WhatAnOlderServerAsksOutsideOfACallIsAnsweredByWhoListens) {
  const auto script = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.body.contains("result")) co_return net::Response{.status = 202};
    if (seen.method == Method::get)
      co_return net::Response::sse([](net::BodyWriter& to) -> Task<void> {
        const auto question = event(
            {{"jsonrpc", "2.0"}, {"id", "q1"}, {"method", "elicitation/create"}, {"params", json::object()}});
        std::ignore = co_await to.write(question);
        co_await sleep_until(Deadline::never());
      });
    co_return legacy_basics(seen);
  };
  const auto body = [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    while (!s.fake.seen.back().body.contains("result")) co_await sleep_for(std::chrono::milliseconds(2));
    const auto& answer = s.fake.seen.back();
    EXPECT_EQ(answer.body.at("id").as_string(), "q1");
    EXPECT_EQ(answer.body.at("result").at("action").as_string(), "decline");
    EXPECT_EQ(answer.headers.get("MCP-Session-Id"), "session-1");
  };
  with_fake(script, body, true);
}

TEST(HttpClient, ASessionThatIsBegunAnewIsListenedToAnew) {
  const auto script = [](const Seen& seen, std::size_t count) -> Task<Result<net::Response>> {
    // 1 discover, 2 initialize, 3 initialized, 4 the stream, 5 the call that is refused.
    if (seen.method == Method::get)
      co_return net::Response::sse([](net::BodyWriter& to) -> Task<void> {
        std::ignore = co_await to.write(std::string(": here\n\n"));
        co_await sleep_until(Deadline::never());
      });
    if (seen.rpc() == "tools/call" && count == 5) co_return net::Response{.status = 404};
    if (seen.rpc() == "tools/call") co_return result(seen, {{"content", json::array()}});
    co_return legacy_basics(seen);
  };
  const auto body = [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    EXPECT_TRUE(co_await s.client.call_tool(tool("t"), {}, soon()));
    EXPECT_EQ(s.fake.count("initialize"), 2u);
    EXPECT_EQ(s.fake.gets(), 2);
  };
  with_fake(script, body, true);
}

TEST(HttpClient, AServerWithoutAStreamOfItsOwnIsUsedWithoutAndNobodyElseAsksForOne) {
  const auto script = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.method == Method::get) co_return net::Response{.status = 405};
    if (seen.rpc() == "tools/call") co_return result(seen, {{"content", json::array()}});
    co_return legacy_basics(seen);
  };
  with_fake(
      script,
      [](Scene& s) -> Task<void> {
        EXPECT_TRUE(co_await s.client.connect(soon().deadline));
        EXPECT_TRUE(co_await s.client.call_tool(tool("t"), {}, soon()));
        EXPECT_EQ(s.fake.gets(), 1);
      },
      true);
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    EXPECT_TRUE(co_await s.client.call_tool(tool("t"), {}, soon()));
    EXPECT_EQ(s.fake.gets(), 0);
  });
}

TEST(HttpClient, AStreamThatEndsWithoutAnAnswerIsAnError) {
  const auto script = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.rpc() == "server/discover") co_return result(seen, discovery());
    co_return stream("id: e1\ndata: \n\n");  // The new generation resumes nothing.
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    const auto answer = co_await s.client.call_tool(tool("t"), {}, soon());
    EXPECT_EQ(answer.error().message(),
              "the MCP server 'test' ended its stream before it answered tools/call");
  });
}

TEST(HttpClient, WhoIsNotLetInIsToldWhatToDo) {
  const auto script = [](const Seen&, std::size_t) -> Task<Result<net::Response>> {
    co_return net::Response{.status = 401};
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    const auto connected = co_await s.client.connect(soon().deadline);
    EXPECT_EQ(connected.error().kind(), ErrorKind::unauthorized);
    EXPECT_NE(connected.error().message().find("headers_secret"), std::string::npos)
        << connected.error().message();
    EXPECT_EQ(s.fake.seen.size(), 1u);
  });
}

TEST(HttpClient, AnswersThatAreNoneAreErrors) {
  const auto script = [](const Seen& seen, std::size_t count) -> Task<Result<net::Response>> {
    if (seen.rpc() == "server/discover") co_return result(seen, discovery());
    if (count == 2) co_return net::Response::text(200, "text/html", "<html>");
    if (count == 3)
      co_return net::Response::json(200, {{"jsonrpc", "2.0"}, {"id", 99}, {"result", json::object()}});
    if (count == 4) co_return stream("data: {nonsense\n\n");
    if (count == 5) co_return net::Response::text(200, "application/json", std::string(5 << 20, ' '));
    co_return net::Response{.status = 500};
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    for (int i = 0; i < 5; ++i) {
      const auto answer = co_await s.client.call_tool(tool("t"), {}, soon());
      EXPECT_FALSE(answer) << i;
      EXPECT_NE(answer.error().message(), "") << i;
    }
  });
}

TEST(HttpClient, AnOlderServerIsToldOfACancel) {
  const auto script = [](const Seen& seen, std::size_t) -> Task<Result<net::Response>> {
    if (seen.rpc() == "tools/call")
      co_return net::Response::sse([](net::BodyWriter& to) -> Task<void> {
        std::ignore = co_await to.write(std::string(": wait\n\n"));
        co_await sleep_until(Deadline::never());
      });
    co_return legacy_basics(seen);
  };
  with_fake(script, [](Scene& s) -> Task<void> {
    EXPECT_TRUE(co_await s.client.connect(soon().deadline));
    auto limits = soon();
    limits.deadline = Deadline::after(std::chrono::milliseconds(100));
    const auto answer = co_await s.client.call_tool(tool("t"), {}, limits);
    EXPECT_EQ(answer.error().kind(), ErrorKind::timeout);
    while (s.fake.count("notifications/cancelled") == 0) co_await sleep_for(std::chrono::milliseconds(2));
    EXPECT_EQ(s.fake.seen.back().body.at("params").at("requestId"), s.fake.seen.at(3).body.at("id"));
  });
}

}  // namespace
}  // namespace isa::sdk::mcp
