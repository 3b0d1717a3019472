// Chats with a custom agent: a program that serves the chat endpoint on a Unix socket, behind a pool of one.
#include "agent/test_platform.h"
#include "net/client.h"
#include "net/server.h"

#include <gtest/gtest.h>

#include <deque>

namespace isa::agent {
namespace {

using net::Method;
using testing::Call;
using testing::Platform;
using testing::Reader;
using testing::TempFolder;
using testing::types_of;

// The program in the sandbox. What it streams is a test's choice; it need not be nice.
class CustomAgent {
 public:
  CustomAgent(asio::any_io_executor executor, std::string socket)
      : socket_(std::move(socket)), changed_(executor) {
    std::vector<net::Route> routes;
    net::RouteOptions open_to_all{.is_public = true};
    routes.push_back({Method::post, "/api/v1/agents/chat",
                      [this](net::Request& request) { return chat(request); }, open_to_all});
    net::ServerOptions options;
    options.name = "custom-agent";
    server_ = std::make_unique<net::Server>(executor, net::Router(std::move(routes)), options);
    listening = server_->listen(net::Endpoint::unix_socket(socket_)).has_value();
  }
  Task<void> stop() { co_await server_->stop(); }

  bool listening = false;
  std::vector<std::string> lines;              // Of the stream, each the text of one SSE event.
  bool hangs = false;                          // After the lines.
  std::deque<std::vector<std::string>> parts;  // The lines of one chat after the other.
  std::vector<json::value> received;
  std::size_t cancelled = 0;
  Task<void> wait_for_cancel() {
    while (cancelled == 0) co_await changed_.wait();
  }

 private:
  struct CountCancel {
    CustomAgent& agent;
    bool finished = false;
    ~CountCancel() {
      if (finished) return;
      ++agent.cancelled;
      agent.changed_.notify();
    }
  };
  Task<Result<net::Response>> chat(net::Request& request) {
    received.push_back(json::parse(request.body).value_or(json::value()));
    if (!parts.empty()) {
      lines = std::move(parts.front());
      parts.pop_front();
    }
    co_return net::Response::sse([this](net::BodyWriter& out) { return answer(out); });
  }
  Task<void> answer(net::BodyWriter& out) {
    CountCancel count{*this};
    for (const auto& line : lines)
      if (!co_await out.write(line + "\n\n")) co_return;
    if (hangs) co_await sleep_until(Deadline::never());
    count.finished = true;
  }

  std::string socket_;
  Signal changed_;
  std::unique_ptr<net::Server> server_;
};

// A pool whose one instance is that program.
class PoolOfOne : public pool::PoolClient {
 public:
  explicit PoolOfOne(std::string socket) : socket_(std::move(socket)) {}
  std::size_t acquired = 0, released = 0;
  bool first_is_gone = false;
  std::string asked;                               // The config of the last sandbox that was asked for,
  std::optional<cloud_os::VmAllowance> allowance;  // and its limits.
  std::vector<std::int64_t> befores;               // Of all that were asked for.
  cloud_os::VmModelUse use;                        // What was used, when a run ends.
  std::vector<RunId> settled;

  Task<Result<pool::Acquired>> acquire(std::string pool_type, pool::AcquireRequest request) override {
    asked = request.config ? json::serialize(*request.config) : "";
    allowance = request.allowance;
    if (allowance) befores.push_back(allowance->before.input_tokens);
    pool::Acquired at;
    at.instance_id = InstanceId("inst_" + std::to_string(++acquired));
    at.pool_type = std::move(pool_type);
    at.lease.fencing_token = static_cast<std::int64_t>(acquired);
    at.lease.expires_at = now() + std::chrono::minutes(1);
    at.warm = true;
    at.resumed = first_is_gone && acquired == 1;
    co_return at;
  }
  Task<Result<net::OpenResponse>> stream(std::string, InstanceId, std::int64_t fencing_token,
                                         sdk::RuntimeChat chat) override {
    if (first_is_gone && fencing_token == 1) co_return not_found("the instance is gone");
    net::ClientRequest request{.method = Method::post, .target = "/api/v1/agents/chat"};
    request.headers.set("Content-Type", "application/json");
    request.body = json::serialize(json::write(chat));
    co_return co_await client_.open(net::Endpoint::unix_socket(socket_), std::move(request),
                                    Deadline::after(std::chrono::seconds(5)));
  }
  Task<Result<cloud_os::VmModelUse>> settle(std::string, InstanceId, std::int64_t, RunId run) override {
    settled.push_back(std::move(run));
    co_return use;
  }
  Task<Result<pool::LeaseInfo>> renew(std::string, InstanceId, std::int64_t) override {
    co_return pool::LeaseInfo{};
  }
  Task<Result<void>> release(std::string, InstanceId, std::optional<std::int64_t>) override {
    ++released;
    co_return ok();
  }
  Task<Result<pool::PoolStats>> stats(std::string) override { co_return pool::PoolStats{}; }
  Task<Result<void>> configure(std::string, pool::Deployment) override { co_return ok(); }
  Task<Result<void>> remove_deployment(std::string) override { co_return ok(); }

 private:
  std::string socket_;
  net::Client client_;
};

struct Scene {
  Platform& platform;
  CustomAgent& agent;
  PoolOfOne& pool;
};

void with_custom_agent(Task<void> (*body)(Scene&)) {
  const auto whole = [](Task<void> (*inner)(Scene&)) -> Task<void> {
    const TempFolder folder;
    const auto executor = co_await asio::this_coro::executor;
    const auto socket = (folder / "agent.sock").string();
    CustomAgent agent(executor, socket);
    EXPECT_TRUE(agent.listening);
    PoolOfOne pool(socket);
    Platform platform(executor, folder.path(), {}, &pool);
    EXPECT_TRUE(co_await platform.service->start());
    Scene scene{platform, agent, pool};
    co_await inner(scene);
    co_await platform.service->stop();
    co_await agent.stop();
  };
  isa::testing::run(whole(body));
}

Call chat(std::string_view more = "") {
  return {Method::post, "/api/v1/agents/chat",
          fmt::format(R"({{"message":"hi","env":"cloud_pool","session_id":"s"{}}})", more)};
}

Task<std::string> streamed(Platform& platform) {
  auto response = co_await platform.send(chat());
  co_return co_await platform.read(std::move(response));
}

constexpr const char* kText = R"(data: {"type":"text","content":"4","metadata":{}})";
constexpr const char* kResult = R"(data: {"type":"result","content":"4","metadata":{"subtype":"success"}})";
constexpr const char* kHistory =
    R"(event: history
data: {"new_messages":[{"role":"user","parts":[{"kind":"text","text":"hi"}]},{"role":"assistant","parts":[{"kind":"text","text":"4, I think"}]}],"usage":{"input_tokens":1,"output_tokens":2,"cached_input_tokens":0,"cache_write_tokens":0,"reasoning_tokens":0,"estimated":false}})";
constexpr const char* kDone = "data: [DONE]";

TEST(Pooled, TheTurnRunsInTheSandboxAndItsHistoryIsKept) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {kText, kResult, kHistory, kDone};
    const auto stream = co_await streamed(s.platform);

    const std::vector<std::string> expected{"session_start", "system",      "text",
                                            "result",        "session_end", "[DONE]"};
    EXPECT_EQ(types_of(stream), expected);
    EXPECT_NE(stream.find("sandbox.acquired"), std::string::npos);
    EXPECT_NE(stream.find(R"("output_tokens":2)"), std::string::npos);
    std::ignore = co_await streamed(s.platform);
    const auto& second = s.agent.received.at(1);
    EXPECT_EQ(second.at("history").as_array().size(), 2u);
    EXPECT_NE(json::serialize(second).find("4, I think"), std::string::npos);
    EXPECT_EQ(second.at("message").as_string(), "hi");
  });
}

TEST(Pooled, WhatASandboxSaysAboutOrderAndEndIsNotBelieved) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {R"(data: {"type":"session_start","seq":99,"id":"x:99","metadata":{}})",
                     "data: no json at all",
                     R"(data: {"type":"unheard_of"})",
                     ": a comment",
                     kText,
                     R"(data: {"type":"session_end","metadata":{}})",
                     kResult,
                     R"(data: {"type":"error","content":"again","metadata":{"code":"x"}})",
                     kText,
                     kDone};
    const auto stream = co_await streamed(s.platform);

    const std::vector<std::string> expected{"session_start", "system",      "text",
                                            "result",        "session_end", "[DONE]"};
    EXPECT_EQ(types_of(stream), expected);
    EXPECT_EQ(stream.find("x:99"), stream.npos);
    EXPECT_EQ(stream.find(R"("seq":99)"), stream.npos);
    const auto messages = co_await s.platform.get("/api/v1/agents/sessions/s/messages");
    EXPECT_EQ(messages.at("messages").as_array().size(),
              2u);  // No history was sent: the message and the text.
  });
}

// A question that the platform did not ask, a decision that nobody made, words that nobody said.
TEST(Pooled, WhatOnlyThePlatformMaySayIsNotTakenFromASandbox) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {
        R"(data: {"type":"hil_request","content":"x","metadata":{}})",
        R"(data: {"type":"hil_request","content":"x","metadata":{"request_id":"appr_1","kind":"tool","tool":"t"}})",
        R"(data: {"type":"system","content":"yes","metadata":{"event":"hil.decided","state":"approved"}})",
        R"(data: {"type":"system","content":"","metadata":{"event":"queued","ahead":3}})",
        R"(data: {"type":"system","content":"pay","metadata":{"event":"steered","queued_run_id":"run_1"}})",
        R"(data: {"type":"system","content":"mine","metadata":{"event":"custom"}})",
        kText,
        kResult,
        kDone};
    const auto stream = co_await streamed(s.platform);

    const std::vector<std::string> expected{"session_start", "system",      "system", "text",
                                            "result",        "session_end", "[DONE]"};
    EXPECT_EQ(types_of(stream), expected);
    EXPECT_NE(stream.find(R"("event":"custom")"), std::string::npos);
  });
}

TEST(Pooled, AStreamThatEndsWithoutAResultIsALostSandbox) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {
        R"(data: {"type":"tool_use","content":"","metadata":{"tool_use_id":"c1","tool":"bash_execute"}})"};
    const auto stream = co_await streamed(s.platform);

    const std::vector<std::string> expected{"session_start", "system",      "tool_use", "tool_result",
                                            "error",         "session_end", "[DONE]"};
    EXPECT_EQ(types_of(stream), expected);
    EXPECT_NE(stream.find("sandbox_lost"), std::string::npos);
    EXPECT_EQ(s.pool.released, 1u);
    auto whole = co_await s.platform.send(chat(R"(,"stream":false)"));
    EXPECT_EQ(whole.status, 502);
  });
}

TEST(Pooled, ASandboxThatIsSuspendedWithoutAnEndIsEnded) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {
        R"(event: history
data: {"new_messages":[],"usage":{},"pending":[{"tool_use_id":"c","tool":"t","subject":"t","args":{},"reason":"deferred"}]})",
        kDone};
    const auto stream = co_await streamed(s.platform);

    const auto types = types_of(stream);
    EXPECT_EQ(types.at(types.size() - 3), "error");
    EXPECT_NE(stream.find("caught in a loop"), std::string::npos);
  });
}

TEST(Pooled, ASandboxThatIsGoneSinceTheLastTurnIsReplaced) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {kText, kResult, kDone};
    s.pool.first_is_gone = true;
    const auto answer = co_await s.platform.ask(chat(R"(,"stream":false)"));

    EXPECT_EQ(answer.at("response").as_string(), "4");
    EXPECT_EQ(s.pool.acquired, 2u);
    EXPECT_EQ(s.pool.released, 1u);
  });
}

TEST(Pooled, ACancelReachesTheProgramAndAnswersItsOpenCalls) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {
        R"(data: {"type":"tool_use","content":"","metadata":{"tool_use_id":"c1","tool":"bash_execute"}})"};
    s.agent.hangs = true;
    TaskGroup tasks(co_await asio::this_coro::executor);
    Reader reader(tasks.executor());
    const auto response = co_await s.platform.send(chat());
    tasks.spawn("reader", response.stream(reader));
    co_await reader.wait_for_events(3);
    const auto run = "/api/v1/agents/runs/" + std::string(response.headers.get("X-Run-Id"));
    const auto row = co_await s.platform.post(run + "/cancel", "");
    co_await tasks.join();
    co_await s.agent.wait_for_cancel();

    EXPECT_EQ(row.at("state").as_string(), "cancelled");
    const std::vector<std::string> expected{"session_start", "system",      "tool_use", "tool_result",
                                            "result",        "session_end", "[DONE]"};
    EXPECT_EQ(types_of(reader.text), expected);
    EXPECT_EQ(s.pool.released, 0u);  // The session keeps its sandbox.
  });
}

TEST(Pooled, AProgramThatHangsAfterItsResultIsNotWaitedFor) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {kText, kResult};
    s.agent.hangs = true;
    const auto answer = co_await s.platform.ask(chat(R"(,"stream":false)"));
    EXPECT_EQ(answer.at("response").as_string(), "4");
    co_await s.agent.wait_for_cancel();
  });
}

TEST(Pooled, TheHostOfAnMcpServerCountsAsAllowed) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {kText, kResult, kDone};
    const auto agent = co_await s.platform.post(
        "/api/v1/agents/configs",
        R"({"name":"a","tools":["mcp:far/*"],"egress":["a.example"],"mcp_servers":{"near":{"command":"x"},
            "far":{"url":"https://mcp.example.com/mcp"},"odd":{"url":"http://odd.example:8080/"}}})");
    const auto id = agent.at("id").as_string();
    Call call{
        Method::post, "/api/v1/agents/chat",
        fmt::format(R"({{"message":"hi","env":"cloud_pool","agent_config_id":"{}"}})", std::string_view(id))};
    auto response = co_await s.platform.send(call);
    std::ignore = co_await s.platform.read(std::move(response));
    EXPECT_EQ(s.pool.asked, R"({"egress":["a.example","mcp.example.com:443","odd.example:8080"]})");
    const auto& spec = s.agent.received.at(0).at("agent");
    EXPECT_EQ(spec.at("mcp_servers").at("far").at("url").as_string(), "https://mcp.example.com/mcp");
  });
}

TEST(Pooled, DeletingASessionGivesItsSandboxBack) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {kText, kResult, kDone};
    std::ignore = co_await streamed(s.platform);
    EXPECT_EQ((co_await s.platform.send({Method::del, "/api/v1/agents/sessions/s"})).status, 200);
    EXPECT_EQ(s.pool.released, 1u);
  });
}

Task<std::string> agent_with(Platform& platform, std::string_view more) {
  const auto agent =
      co_await platform.post("/api/v1/agents/configs", fmt::format(R"({{"name":"a",{}}})", more));
  co_return std::string(agent.at("id").as_string());
}

Task<json::value> answered(Platform& platform, std::string agent, std::string_view env) {
  const auto body =
      fmt::format(R"({{"message":"hi","stream":false,"env":"{}","agent_config_id":"{}"}})", env, agent);
  co_return co_await platform.post("/api/v1/agents/chat", body);
}

TEST(PooledLimits, AreGivenToTheSandboxAndWhatProgramsUsedIsPartOfTheUsage) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {kText, kResult, kHistory, kDone};
    s.pool.use.usage.input_tokens = 101;
    s.pool.use.usage.output_tokens = 52;
    const auto agent = co_await agent_with(s.platform, R"("limits":{"max_tokens":1000})");
    const auto answer = co_await answered(s.platform, agent, "cloud_pool");

    EXPECT_EQ(s.pool.allowance->max_tokens, 1000);
    EXPECT_TRUE(s.pool.allowance->until.has_value());
    EXPECT_TRUE(s.pool.allowance->before.is_nothing());
    EXPECT_EQ(s.pool.settled.size(), 1U);
    EXPECT_EQ(s.pool.settled.at(0), s.pool.allowance->run_id);
    const auto& usage = answer.at("usage");
    EXPECT_EQ(usage.at("input_tokens"), 101) << json::serialize(answer);
    EXPECT_EQ(usage.at("output_tokens"), 52);
    EXPECT_EQ(usage.at("of_programs").at("input_tokens"), 100) << "the agent used one itself";
    EXPECT_EQ(usage.at("of_programs").at("output_tokens"), 50);
  });
}

TEST(PooledLimits, WithoutAnyTheSandboxIsGivenNone) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {kText, kResult, kHistory, kDone};
    std::ignore = co_await streamed(s.platform);
    EXPECT_FALSE(s.pool.allowance->is_limited());
    EXPECT_EQ(s.pool.settled.size(), 1U);
  });
}

TEST(PooledLimits, OfACustomAgentHoldAndItsFailureAtOneSaysSo) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {
        kText, R"(data: {"type":"error","content":"402 from the model","metadata":{"code":"oops"}})", kDone};
    s.pool.use.usage.input_tokens = 9;
    s.pool.use.refused_calls = 1;
    s.pool.use.limit = "max_usd";
    s.pool.use.problem = "limits.max_usd is 0.5, and 0.6 USD were spent";
    const auto agent = co_await agent_with(s.platform, R"("env":"deployment","limits":{"max_usd":0.5})");
    const auto answer = co_await answered(s.platform, agent, "deployment");

    EXPECT_EQ(s.pool.allowance->max_usd, Usd::of_number(0.5));
    EXPECT_EQ(answer.at("error").at("code"), "error_budget") << json::serialize(answer);
    const auto runs = co_await s.platform.get("/api/v1/agents/runs/" + s.pool.settled.at(0).value());
    EXPECT_EQ(runs.at("usage").at("input_tokens"), 9) << json::serialize(runs);
    EXPECT_FALSE(runs.at("usage").as_object().contains("of_programs")) << "all of it is the agent's own";
  });
}

TEST(PooledLimits, ARunThatIsCancelledSaysWhatItUsed) {
  with_custom_agent([](Scene& s) -> Task<void> {
    s.agent.lines = {kText};
    s.agent.hangs = true;
    s.pool.use.usage.output_tokens = 5;
    TaskGroup tasks(co_await asio::this_coro::executor);
    Reader reader(tasks.executor());
    const auto response = co_await s.platform.send(chat());
    tasks.spawn("reader", response.stream(reader));
    co_await reader.wait_for_events(3);
    const auto run = "/api/v1/agents/runs/" + std::string(response.headers.get("X-Run-Id"));
    const auto row = co_await s.platform.post(run + "/cancel", "");
    co_await tasks.join();

    EXPECT_EQ(row.at("state").as_string(), "cancelled");
    EXPECT_EQ(row.at("usage").at("output_tokens"), 5) << json::serialize(row);
  });
}

TEST(PooledLimits, OfTheNextPartOfARunAreTheRestAndASandboxCannotTakeBackWhatItUsed) {
  with_custom_agent([](Scene& s) -> Task<void> {
    const auto suspended = [](int part, int usage, int progress) {
      return fmt::format(
          R"(event: history
data: {{"new_messages":[],"usage":{{"input_tokens":{}}},"progress":{{"usage":{{"input_tokens":{}}}}},"pending":[{{"tool_use_id":"c{}","tool":"t","subject":"t","args":{{}},"reason":"deferred"}}]}})",
          usage, progress, part);
    };
    s.pool.use.usage.input_tokens = 30;
    s.agent.parts = {{suspended(1, 10, 0), kDone}, {suspended(2, 5, 0), kDone}, {kResult, kHistory, kDone}};
    const auto agent = co_await agent_with(s.platform, R"("limits":{"max_tokens":1000})");
    const auto answer = co_await answered(s.platform, agent, "cloud_pool");

    EXPECT_EQ(s.pool.befores, (std::vector<std::int64_t>{0, 30, 60}));
    EXPECT_EQ(s.pool.settled.size(), 3U);
    EXPECT_EQ(answer.at("usage").at("input_tokens"), 90) << json::serialize(answer);
  });
}

}  // namespace
}  // namespace isa::agent
