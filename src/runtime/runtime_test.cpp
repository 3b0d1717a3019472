// Drives the real program over its Unix socket, with a broker that speaks the real wire format. The answers
// of the model behind that broker are the only thing that is made up.
#include "base/deadline.h"
#include "base/task_group.h"
#include "base/testing.h"
#include "net/client.h"
#include "net/server.h"
#include "net/sse.h"
#include "runtime/program_test.h"
#include "sdk/event.h"
#include "sdk/openai_wire.h"
#include "sdk/runtime_protocol.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <fstream>

namespace isa::runtime {
namespace {

using net::Method;

const auto kSoon = std::chrono::seconds(20);

// What the model behind the broker is to say, one entry for each call.
using Script = std::vector<std::vector<sdk::ChatDelta>>;

sdk::ChatDelta says(std::string text) {
  return {.kind = sdk::ChatDelta::Kind::text, .text = std::move(text)};
}

std::vector<sdk::ChatDelta> calls(std::string tool, const json::object& arguments) {
  return {{.kind = sdk::ChatDelta::Kind::tool_call, .id = "call_" + random_hex(4), .name = std::move(tool)},
          {.kind = sdk::ChatDelta::Kind::tool_arguments, .text = json::serialize(arguments)}};
}

class Broker {
 public:
  Script script;
  std::vector<sdk::ChatRequest> requests;
  std::string environment = R"({"env":{"HTTPS_PROXY":"http://127.0.0.1:3128"}})";

  Broker(const asio::any_io_executor& executor, const std::filesystem::path& socket)
      : server_(executor, routes(), {.name = "broker"}) {
    EXPECT_TRUE(server_.listen(net::Endpoint::unix_socket(socket)));
  }
  Task<void> stop() { return server_.stop(); }

 private:
  net::Router routes() {
    auto chat = [this](net::Request& request) { return answer(request); };
    const auto variables = [this](net::Request&) -> Task<Result<net::Response>> {
      co_return net::Response::text(200, "application/json", environment);
    };
    return net::Router({{Method::post, "/v1/chat/completions", chat, {.is_public = true}},
                        {Method::get, "/environment", variables, {.is_public = true}}});
  }
  Task<Result<net::Response>> answer(net::Request& request) {
    ISA_CO_TRY(auto served, sdk::openai::from_request(request.body));
    requests.push_back(std::move(served.chat));
    auto deltas = script.at(requests.size() - 1);
    co_return net::Response::sse([deltas](net::BodyWriter& to) { return stream(deltas, to); });
  }
  static Task<void> stream(std::vector<sdk::ChatDelta> deltas, net::BodyWriter& to) {
    sdk::openai::ChunkWriter writer("id", "m", 0, true);
    sdk::ChatResult result;
    result.usage.input_tokens = 3;
    std::vector<std::string> chunks{writer.first()};
    for (const auto& delta : deltas) {
      chunks.push_back(writer.delta(delta));
      if (delta.kind == sdk::ChatDelta::Kind::tool_call) result.finish_reason = sdk::FinishReason::tool_calls;
    }
    for (auto& last : writer.last(result)) chunks.push_back(std::move(last));
    for (const auto& chunk : chunks) std::ignore = co_await to.write("data: " + chunk + "\n\n");
  }

  net::Server server_;
};

// A running isa-runtime, its broker and a client of both.
class Sandbox {
 public:
  Sandbox(const asio::any_io_executor& executor, bool by_inherited_socket)
      : broker(executor, folder / "broker"), program_(folder.path(), by_inherited_socket) {}

  isa::testing::TempFolder folder;
  Broker broker;

  Task<net::ClientResponse> send(Method method, std::string target, std::string body = {}) {
    net::ClientRequest request{
        .method = method, .target = std::move(target), .headers = {}, .body = std::move(body)};
    request.headers.set("Content-Type", "application/json");
    auto response = co_await client.send(endpoint(), std::move(request), Deadline::after(kSoon));
    if (!response) throw std::runtime_error(response.error().message());
    co_return *std::move(response);
  }
  // Waits until the program serves.
  Task<void> ready() {
    while (!std::filesystem::exists(folder / "control") || (co_await health()) != 200)
      co_await sleep_for(std::chrono::milliseconds(1));
  }
  Task<void> init() {
    const auto bound =
        co_await send(Method::post, "/init", R"({"session_id":"sess_1","env":{"COLOUR":"red"}})");
    EXPECT_EQ(bound.status, 200) << bound.body;
  }
  Task<int> health() {
    net::ClientRequest request{.target = "/health"};
    const auto response = co_await client.send(endpoint(), std::move(request), Deadline::after(kSoon));
    co_return response ? response->status : 0;
  }
  Task<std::unique_ptr<net::SseReader>> open_chat(std::string body) {
    net::ClientRequest request{
        .method = Method::post, .target = "/api/v1/agents/chat", .headers = {}, .body = std::move(body)};
    auto response = co_await client.open(endpoint(), std::move(request), Deadline::after(kSoon));
    if (!response) throw std::runtime_error(response.error().message());
    EXPECT_EQ(response->status, 200);
    co_return std::make_unique<net::SseReader>(std::move(response->body));
  }
  net::Endpoint endpoint() const { return net::Endpoint::unix_socket(folder / "control"); }
  std::filesystem::path workspace() const { return folder / "workspace"; }
  Program& program() { return program_; }
  Task<void> stop() { return broker.stop(); }

  net::Client client;

 private:
  Program program_;
};

struct Conversation {
  std::vector<sdk::Event> events;
  sdk::RuntimeHistory history;
  bool is_done = false;

  const sdk::Event& last() const { return events.back(); }
  const sdk::Event* first_of(sdk::EventType type) const {
    const auto found = std::ranges::find(events, type, &sdk::Event::type);
    return found == events.end() ? nullptr : &*found;
  }
};

Task<Conversation> read_all(net::SseReader& from) {
  Conversation conversation;
  for (;;) {
    const auto event = co_await from.next();
    if (!event || !*event) break;
    const auto& [id, name, data] = **event;
    if (data == "[DONE]")
      conversation.is_done = true;
    else if (name == "history")
      conversation.history = json::parse_as<sdk::RuntimeHistory>(data).value();
    else
      conversation.events.push_back(sdk::event_from_wire(data).value());
  }
  co_return conversation;
}

std::string chat_body(const json::array& tools, json::array history = {}, bool stream = true) {
  const json::object agent{{"name", "a"}, {"model", "m"}, {"tools", tools}};
  return json::serialize(json::object{
      {"message", "hello"}, {"agent", agent}, {"history", std::move(history)}, {"stream", stream}});
}

struct Setting {
  bool by_inherited_socket = false;
  bool is_bound = true;
};

Task<void> drive(Task<void> (*body)(Sandbox&), Setting setting) {
  Sandbox sandbox(co_await asio::this_coro::executor, setting.by_inherited_socket);
  std::exception_ptr failure;
  try {
    co_await sandbox.ready();
    if (setting.is_bound) co_await sandbox.init();
    co_await body(sandbox);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await sandbox.stop();
  if (failure) std::rethrow_exception(failure);
}

// Runs `body` with a fresh sandbox and stops everything after it, also when it throws.
void with_sandbox(Task<void> (*body)(Sandbox&), Setting setting = {}) {
  isa::testing::run(drive(body, setting));
}

Task<void> answers_and_hands_over_the_history(Sandbox& sandbox) {
  sandbox.broker.script = {{says("Hel"), says("lo")}};
  auto old = json::array{sdk::to_json(sdk::Message::make(sdk::ChatRole::user, "before"))};

  const auto reader = co_await sandbox.open_chat(chat_body({}, std::move(old)));
  const auto got = co_await read_all(*reader);

  EXPECT_TRUE(got.is_done);
  EXPECT_EQ(got.last().content, "Hello");
  EXPECT_EQ(got.last().metadata.at("subtype").as_string(), "success");
  EXPECT_EQ(got.history.new_messages.size(), 2U);
  EXPECT_EQ(got.history.usage.input_tokens, 3);
  EXPECT_EQ(sandbox.broker.requests.at(0).messages.at(0).text(), "before");
  EXPECT_EQ(sandbox.broker.requests.at(0).model, "m");
}
TEST(Runtime, AnswersAndHandsOverTheHistory) {
  with_sandbox(answers_and_hands_over_the_history);
}
TEST(Runtime, ServesTheSocketThatItInherits) {
  with_sandbox(answers_and_hands_over_the_history, {.by_inherited_socket = true});
}

Task<void> runs_tools_in_the_workspace(Sandbox& sandbox) {
  sandbox.broker.script = {
      calls("bash_execute",
            {{"command", "pwd; echo $COLOUR $ISA_SESSION_ID $ISA_TEST_INHERITED $HTTPS_PROXY"}}),
      calls("write_file", {{"file_path", "a.txt"}, {"content", "x"}}),
      {says("done")}};

  const auto reader = co_await sandbox.open_chat(chat_body({"bash_execute", "write_file"}));
  const auto got = co_await read_all(*reader);

  const auto result = json::parse(got.first_of(sdk::EventType::tool_result)->content.value()).value();
  EXPECT_EQ(result.at("stdout").as_string(),
            fmt::format("{}\nred sess_1 yes http://127.0.0.1:{}\n", sandbox.workspace().string(),
                        sandbox.program().proxy_port()));
  EXPECT_TRUE(std::filesystem::exists(sandbox.workspace() / "a.txt"));
  EXPECT_EQ(got.last().content, "done");
  EXPECT_EQ(got.history.new_messages.size(), 6U);
}
TEST(Runtime, RunsToolsInTheWorkspaceWithTheBoundEnvironment) {
  with_sandbox(runs_tools_in_the_workspace);
}

Task<void> refuses_a_tool_that_is_not_allowed(Sandbox& sandbox) {
  sandbox.broker.script = {calls("bash_execute", {{"command", "touch proof"}}), {says("sorry")}};

  const auto reader = co_await sandbox.open_chat(chat_body({"read_file"}));
  const auto got = co_await read_all(*reader);

  EXPECT_EQ(got.first_of(sdk::EventType::tool_result)->metadata.at("is_error"), true);
  EXPECT_FALSE(std::filesystem::exists(sandbox.workspace() / "proof"));
}
TEST(Runtime, RefusesAToolThatIsNotAllowed) {
  with_sandbox(refuses_a_tool_that_is_not_allowed);
}

Task<pid_t> pid_in(std::filesystem::path path) {
  for (;;) {
    std::ifstream file(path);
    pid_t pid = 0;
    if (file >> pid && file.peek() == '\n') co_return pid;
    co_await sleep_for(std::chrono::milliseconds(1));
  }
}

Task<void> cancels_with_the_connection(Sandbox& sandbox) {
  const auto command = "setsid sleep 1000 & echo $! > detached; sleep 1000 & echo $! > child; wait";
  sandbox.broker.script = {calls("bash_execute", {{"command", command}}), {says("again")}};
  auto reader = co_await sandbox.open_chat(chat_body({"bash_execute"}));
  const auto child = co_await pid_in(sandbox.workspace() / "child");
  const auto detached = co_await pid_in(sandbox.workspace() / "detached");

  reader.reset();

  EXPECT_TRUE(ends(child));
  EXPECT_TRUE(ends(detached));
  while ((co_await sandbox.send(Method::post, "/api/v1/agents/chat", chat_body({}, {}, false))).status == 409)
    co_await sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(sandbox.broker.requests.size(), 2U);
}
TEST(Runtime, ADroppedConnectionKillsWhatRunsAndFreesTheSandbox) {
  with_sandbox(cancels_with_the_connection);
}

Task<void> reaps_orphans(Sandbox& sandbox) {
  // The grandchild outlives its parent in a session of its own and so becomes the runtime's.
  const auto command = "(setsid sh -c 'echo $$ > orphan; read x < go' &) ; until [ -s orphan ]; do :; done";
  sandbox.broker.script = {calls("bash_execute", {{"command", "mkfifo go"}}),
                           calls("bash_execute", {{"command", command}}),
                           {says("done")}};
  const auto reader = co_await sandbox.open_chat(chat_body({"bash_execute"}));
  co_await read_all(*reader);
  const auto orphan = co_await pid_in(sandbox.workspace() / "orphan");
  EXPECT_TRUE(is_running(orphan));  // On purpose: a server that the next turn may use.

  std::ofstream(sandbox.workspace() / "go") << "\n";

  EXPECT_TRUE(ends(orphan));
  while (std::filesystem::exists("/proc/" + std::to_string(orphan)))
    co_await sleep_for(std::chrono::milliseconds(1));
}
TEST(Runtime, ReapsOrphansAndTakesNoStatusFromTools) {
  with_sandbox(reaps_orphans);
}

// SQLite is linked into the static program; a part of it that is missing shows here alone.
Task<void> remembers(Sandbox& sandbox) {
  sandbox.broker.script = {calls("memory_store", {{"content", "The cat is called Minka."}}),
                           calls("memory_search", {{"query", "cats"}}),
                           {says("done")}};
  const auto reader = co_await sandbox.open_chat(chat_body({"memory_store", "memory_search"}));
  const auto got = co_await read_all(*reader);
  std::vector<std::string> results;
  for (const auto& event : got.events)
    if (event.type == sdk::EventType::tool_result) results.push_back(event.content.value_or(""));
  EXPECT_EQ(results.size(), 2U);
  EXPECT_EQ(results.at(0), R"({"key":"memory-1"})");
  EXPECT_TRUE(results.at(1).contains("Minka")) << results.at(1);
}
TEST(Runtime, RemembersInItsWorkspace) {
  with_sandbox(remembers);
}

Task<void> keeps_background_shells(Sandbox& sandbox) {
  sandbox.broker.script = {
      {calls("bash_execute",
             {{"command", "echo $HTTPS_PROXY; exec sleep 1000"}, {"run_in_background", true}})},
      {says("started")},
      {calls("bash_execute", {{"command", "echo $HTTPS_PROXY; sleep 1000"}, {"timeout", 1}})},
      {calls("bash_output", {{"shell_id", "shell_1"}, {"wait", 20}})},
      {says("read")}};
  const json::array tools{"bash_execute", "bash_output"};
  const auto first = co_await sandbox.open_chat(chat_body(tools));
  co_await read_all(*first);
  sandbox.broker.environment = R"({"env":{"HTTPS_PROXY":"http://127.0.0.1:3128/other"}})";

  const auto second = co_await sandbox.open_chat(chat_body(tools));
  const auto got = co_await read_all(*second);

  std::vector<std::string> results;
  for (const auto& event : got.events)
    if (event.type == sdk::EventType::tool_result) results.push_back(event.content.value_or(""));
  EXPECT_EQ(results.size(), 2U);
  EXPECT_TRUE(results.at(0).contains("/other")) << results.at(0);
  EXPECT_TRUE(results.at(1).contains(R"("status":"running")")) << results.at(1);
  EXPECT_FALSE(results.at(1).contains("other")) << results.at(1);
}
TEST(Runtime, KeepsBackgroundShellsWhenTheEnvironmentOfToolsChanges) {
  with_sandbox(keeps_background_shells);
}

Task<void> answers_without_a_stream(Sandbox& sandbox) {
  sandbox.broker.script = {{says("Hello")}};

  const auto response = co_await sandbox.send(Method::post, "/api/v1/agents/chat", chat_body({}, {}, false));

  const auto body = json::parse(response.body).value();
  EXPECT_EQ(body.at("status").as_string(), "success");
  EXPECT_EQ(body.at("response").as_string(), "Hello");
  EXPECT_EQ(body.at("usage").at("input_tokens").to_number<int>(), 3);
  EXPECT_TRUE(body.as_object().contains("duration_ms"));
}
TEST(Runtime, AnswersWithoutAStream) {
  with_sandbox(answers_without_a_stream);
}

Task<void> binds_once(Sandbox& sandbox) {
  const auto again = co_await sandbox.send(Method::post, "/init", "{}");
  EXPECT_EQ(again.status, 409);
  const auto bad = co_await sandbox.send(Method::post, "/api/v1/agents/chat", R"({"message":"x"})");
  EXPECT_EQ(bad.status, 422);
  const auto worse = co_await sandbox.send(Method::post, "/api/v1/agents/chat", "{");
  EXPECT_EQ(worse.status, 400);
}
TEST(Runtime, IsBoundOnceAndReadsStrictly) {
  with_sandbox(binds_once);
}

Task<void> forwards_to_the_broker(Sandbox& sandbox) {
  sandbox.broker.script = {{says("Hello")}};
  asio::ip::tcp::socket socket(co_await asio::this_coro::executor);
  const asio::ip::tcp::endpoint at(asio::ip::address_v4::loopback(), sandbox.program().model_port());
  co_await socket.async_connect(at, use_task);
  const std::string body = R"({"model":"m","stream":true,"messages":[{"role":"user","content":"x"}]})";
  const std::string request = fmt::format(
      "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);

  co_await asio::async_write(socket, asio::buffer(request), use_task);
  socket.shutdown(asio::ip::tcp::socket::shutdown_send);
  std::string answer;
  auto into = asio::dynamic_buffer(answer);
  const auto [ec, size] = co_await asio::async_read(socket, into, no_throw);

  EXPECT_EQ(ec, asio::error::eof);
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 200")) << answer;
  EXPECT_NE(answer.find("Hello"), std::string::npos);
}
TEST(Runtime, ForwardsByteByByteToTheBroker) {
  with_sandbox(forwards_to_the_broker);
}

Task<void> refuses_the_linkers_variables(Sandbox& sandbox) {
  const auto early = co_await sandbox.send(Method::post, "/api/v1/agents/chat", chat_body({}));
  const auto refused = co_await sandbox.send(Method::post, "/init", R"({"env":{"LD_PRELOAD":"/x.so"}})");
  const auto bound = co_await sandbox.send(Method::post, "/init", "{}");

  EXPECT_EQ(early.status, 409);
  EXPECT_EQ(refused.status, 422);
  EXPECT_NE(refused.body.find("/env/LD_PRELOAD"), std::string::npos);
  EXPECT_EQ(bound.status, 200);
}
TEST(Runtime, RefusesTheLinkersVariablesAndAChatBeforeInit) {
  with_sandbox(refuses_the_linkers_variables, {.is_bound = false});
}

}  // namespace
}  // namespace isa::runtime
