// The client against a server that is a real child process.
#include "base/task_group.h"
#include "sdk/mcp/answer_text.h"
#include "sdk/mcp/test_server.h"

#include <gtest/gtest.h>

#include <sys/wait.h>

namespace isa::sdk::mcp {
namespace {

using testing::Script;

CallLimits soon() {
  CallLimits limits;
  limits.deadline = Deadline::after(std::chrono::seconds(20));
  return limits;
}

struct Scene {
  Script& script;
  Client& client;
  Result<void>& connected;
};

ClientOptions options() {
  ClientOptions options;
  options.server = "test";
  options.probe = std::chrono::milliseconds(300);
  return options;
}

void with_server(std::string mode, Task<void> (*body)(Scene&), ClientOptions with = options()) {
  const auto whole = [](std::string how, Task<void> (*inner)(Scene&), ClientOptions given) -> Task<void> {
    Script script;
    auto executor = co_await asio::this_coro::executor;
    auto transport = start_stdio(executor, std::make_shared<ProcessTable>(), script.server(std::move(how)));
    EXPECT_TRUE(transport) << transport.error().message();
    if (!transport) co_return;
    Client client(*std::move(transport), std::move(given));
    auto connected = co_await client.connect(soon().deadline);
    Scene scene{script, client, connected};
    co_await inner(scene);
    co_await client.close();
  };
  isa::testing::run(whole(std::move(mode), body, std::move(with)));
}

Task<Result<ToolAnswer>> call(Client& client, std::string name, json::object arguments = {},
                              CallLimits limits = soon()) {
  ToolInfo tool;
  tool.name = std::move(name);
  co_return co_await client.call_tool(tool, std::move(arguments), std::move(limits));
}

TEST(StdioClient, AServerOfTheNewGenerationNeedsNoHandshake) {
  with_server("modern", [](Scene& s) -> Task<void> {
    EXPECT_TRUE(s.connected) << s.connected.error().message();
    EXPECT_EQ(s.client.version(), "2026-07-28");
    EXPECT_EQ(s.script.noted("modern 2026-07-28"), 1u);
    const auto answer = co_await call(s.client, "echo", {{"a", 1}});
    EXPECT_EQ(to_output(answer.value()).text, R"({"a": 1})");
  });
}

TEST(StdioClient, AnOlderServerGetsItsHandshake) {
  for (const char* mode : {"legacy", "mute", "loud"})
    with_server(mode, [](Scene& s) -> Task<void> {
      EXPECT_TRUE(s.connected) << s.connected.error().message();
      EXPECT_EQ(s.client.version(), "2025-11-25");
      EXPECT_TRUE(co_await call(s.client, "echo"));
    });
}

TEST(StdioClient, AllPagesOfAListAreRead) {
  with_server("legacy", [](Scene& s) -> Task<void> {
    const auto listed = co_await s.client.list_tools(soon().deadline);
    EXPECT_EQ(listed->items.size(), 8u);
    EXPECT_EQ(listed->refused, 1u);  // It has no input schema.
    EXPECT_TRUE(listed->items.front().is_read_only);
    EXPECT_FALSE(listed->items.back().is_read_only);
    EXPECT_FALSE(listed->is_cut);
  });
}

TEST(StdioClient, AListWithoutEndIsCutOffAndACircleIsAnError) {
  with_server("endless", [](Scene& s) -> Task<void> {
    const auto listed = co_await s.client.list_tools(soon().deadline);
    EXPECT_EQ(listed->items.size(), 1000u);
    EXPECT_TRUE(listed->is_cut);
  });
  with_server("circle", [](Scene& s) -> Task<void> {
    const auto listed = co_await s.client.list_tools(soon().deadline);
    EXPECT_EQ(listed.error().message(), "the MCP server 'test' repeats the page 'same' of tools/list");
  });
}

TEST(StdioClient, ListsAreAskedForAgainOnlyWhenTheServerSaysSo) {
  with_server("legacy", [](Scene& s) -> Task<void> {
    EXPECT_FALSE(s.client.tools_are_fresh());
    EXPECT_TRUE(co_await s.client.list_tools(soon().deadline));
    EXPECT_TRUE(s.client.tools_are_fresh());
    EXPECT_TRUE(co_await call(s.client, "restless"));
    EXPECT_FALSE(s.client.tools_are_fresh());
  });
}

TEST(StdioClient, AToolsErrorIsItsAnswerAndAnUnknownToolIsNone) {
  with_server("legacy", [](Scene& s) -> Task<void> {
    const auto failed = co_await call(s.client, "write.it");
    EXPECT_TRUE(failed->is_error);
    const auto unknown = co_await call(s.client, "nothing");
    EXPECT_EQ(unknown.error().message(),
              "the MCP server 'test' refused tools/call: unknown tool (code -32602)");
  });
}

TEST(StdioClient, QuestionsAreDeclinedInBothGenerations) {
  with_server("modern", [](Scene& s) -> Task<void> {
    const auto answer = co_await call(s.client, "ask");
    EXPECT_EQ(to_output(answer.value()).text, R"([{"q": {"action": "decline"}}, "s1"])");
  });
  with_server("legacy", [](Scene& s) -> Task<void> {
    const auto answer = co_await call(s.client, "ask");
    EXPECT_EQ(to_output(answer.value()).text, R"([{"action": "decline"}, -32601])");
  });
}

TEST(StdioClient, ProgressIsHeardAndACancelReachesTheServer) {
  with_server("legacy", [](Scene& s) -> Task<void> {
    std::vector<double> heard;
    CallLimits limits;
    limits.deadline = Deadline::after(std::chrono::milliseconds(400));
    limits.progress = [&heard](const Progress& progress) { heard.push_back(progress.progress); };
    const auto answer = co_await call(s.client, "slow", {}, limits);
    EXPECT_EQ(answer.error().kind(), ErrorKind::timeout);
    EXPECT_EQ(heard, (std::vector<double>{0, 1, 2}));
    EXPECT_TRUE(co_await call(s.client, "echo"));  // It goes on with the next one.
    EXPECT_EQ(s.script.noted("cancelled True"), 1u);
  });
}

TEST(StdioClient, ATaskThatIsCancelledTellsTheServer) {
  with_server("legacy", [](Scene& s) -> Task<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    bool has_begun = false;
    const auto wait = [](Client& client, bool& begun) -> Task<void> {
      CallLimits limits = soon();
      limits.progress = [&begun](const Progress&) { begun = true; };
      std::ignore = co_await call(client, "slow", {}, limits);
    };
    tasks.spawn("call", wait(s.client, has_begun));
    while (!has_begun) co_await sleep_for(std::chrono::milliseconds(2));
    co_await tasks.stop();
    EXPECT_TRUE(co_await call(s.client, "echo"));
    EXPECT_EQ(s.script.noted("cancelled True"), 1u);
  });
}

TEST(StdioClient, AServerThatDiesSaysWhyToWhoeverWaits) {
  with_server("legacy", [](Scene& s) -> Task<void> {
    const auto answer = co_await call(s.client, "die");
    EXPECT_EQ(answer.error().message(),
              "the MCP server 'test' ended with exit code 3; it said: out of cheese");
    EXPECT_TRUE(s.client.failure());
  });
  with_server("dead", [](Scene& s) -> Task<void> {
    EXPECT_EQ(s.connected.error().message(),
              "the MCP server 'test' ended with exit code 7; it said: cannot start: no licence");
    co_return;
  });
}

TEST(StdioClient, WhatCannotBeUnderstoodIsAnErrorAndNotAHang) {
  with_server("odd", [](Scene& s) -> Task<void> {
    EXPECT_EQ(s.connected.error().message(),
              "the MCP server 'test' speaks the revision '1999-01-01', which is not known here");
    co_return;
  });
  with_server("flood", [](Scene& s) -> Task<void> {
    EXPECT_EQ(s.connected.error().message(), "the MCP server 'test' sent a line of more than 4194304 bytes");
    co_return;
  });
}

TEST(StdioClient, AProgramThatIsNotThereIsNamed) {
  const auto body = []() -> Task<void> {
    Script script;
    auto server = script.server("legacy");
    server.command = "no-such-program";
    const auto started =
        start_stdio(co_await asio::this_coro::executor, std::make_shared<ProcessTable>(), server);
    EXPECT_EQ(
        started.error().message(),
        "there is no program 'no-such-program' in PATH; install it in the sandbox's image or workspace");
  };
  isa::testing::run(body());
}

TEST(StdioClient, AServerThatDoesNotWantToEndIsKilled) {
  const auto begin = Deadline::Clock::now();
  with_server("stubborn", [](Scene& s) -> Task<void> {
    EXPECT_TRUE(s.connected);
    co_return;
  });
  EXPECT_LT(Deadline::Clock::now() - begin, std::chrono::seconds(10));
}

std::size_t open_descriptors() {
  std::size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) ++count;
  return count;
}

TEST(StdioClient, ManyStartsLeaveNoProcessAndNoDescriptor) {
  const auto once = [] {
    with_server("modern", [](Scene& s) -> Task<void> { EXPECT_TRUE(co_await call(s.client, "echo")); });
    with_server("dead", [](Scene& s) -> Task<void> {
      EXPECT_FALSE(s.connected);
      co_return;
    });
  };
  once();
  const auto before = open_descriptors();
  for (int i = 0; i < 8; ++i) once();
  EXPECT_EQ(open_descriptors(), before);
  EXPECT_EQ(::waitpid(-1, nullptr, WNOHANG), -1);  // Not one child, not even one that has ended.
}

TEST(StdioClient, NothingIsInheritedButWhatItIsGiven) {
  with_server("legacy", [](Scene& s) -> Task<void> {
    const auto answer = co_await call(s.client, "env");
    const auto text = to_output(answer.value()).text;
    EXPECT_NE(text.find("PATH"), std::string::npos);
    EXPECT_EQ(text.find("HOME"), std::string::npos) << text;
  });
}

TEST(AnswerText, LongAnswersAreCutWithAMarkAndPicturesAreNoted) {
  with_server("legacy", [](Scene& s) -> Task<void> {
    const auto output = to_output((co_await call(s.client, "many")).value());
    EXPECT_TRUE(output.truncated);
    EXPECT_LT(output.text.size(), 70'000u);
  });
  ToolAnswer answer;
  answer.content = json::parse(R"([{"type":"image","mimeType":"image/png","data":"AAAAAAAA"},
      {"type":"resource_link","uri":"file:///a","name":"a"},{"type":"resource","resource":{"uri":"b:1","text":"inside"}},
      {"type":"hologram"},7])")
                       ->as_array();
  EXPECT_EQ(
      to_output(answer).text,
      "[image: image/png, about 6 bytes, not shown]\n[resource link file:///a: a]\n[resource b:1]\ninside\n"
      "[a block of the unknown type 'hologram']\n[a block that cannot be read]");
  ToolAnswer structured;
  structured.structured = json::object{{"n", 1}};
  EXPECT_EQ(to_output(structured).text, R"({"n":1})");
}

}  // namespace
}  // namespace isa::sdk::mcp
