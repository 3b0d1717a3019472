// The servers of an agent, from one chat to the next.
#include "sdk/mcp/servers.h"

#include "sdk/mcp/test_server.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace isa::sdk::mcp {
namespace {

using testing::Script;

struct Scene {
  Script script;
  Servers& servers;

  ServerSpec spec(const std::string& mode) const {
    ServerSpec spec;
    spec.command = "python3";
    spec.args = script.arguments(mode);
    return spec;
  }
};

const Environment kEnvironment = {{"PATH", "/usr/local/bin:/usr/bin:/bin"}};

void with_servers(Task<void> (*body)(Scene&), ServerLimits with = {}) {
  const auto whole = [](Task<void> (*inner)(Scene&), ServerLimits limits) -> Task<void> {
    auto executor = co_await asio::this_coro::executor;
    auto processes = std::make_shared<ProcessTable>();
    const auto connect = [executor, processes](const std::string& name, const ServerSpec& spec,
                                               const Environment& environment) {
      StdioServer server;
      server.name = name;
      server.command = *spec.command;
      server.args = *spec.args;
      server.env = environment;
      server.folder = "/tmp";
      server.patience = std::chrono::milliseconds(500);
      return start_stdio(executor, processes, std::move(server));
    };
    limits.client.probe = std::chrono::milliseconds(500);
    Servers servers(executor, connect, limits);
    Scene scene{{}, servers};
    co_await inner(scene);
    co_await servers.stop();
  };
  isa::testing::run(whole(body, std::move(with)));
}

std::vector<std::string> names(const ToolBox& box) {
  std::vector<std::string> names;
  for (const auto& spec : box.specs()) names.push_back(spec.name);
  std::ranges::sort(names);
  return names;
}

Part ask(std::string name, std::string arguments = "{}") {
  return Part::make_tool_call("1", std::move(name), std::move(arguments));
}

Task<ToolOutput> run(ToolBox& box, std::string name, std::string arguments = "{}") {
  const auto part = ask(std::move(name), std::move(arguments));
  co_return co_await box.call(part, Deadline::after(std::chrono::seconds(20)));
}

TEST(Servers, OnlyWhatTheAllowListNamesIsShownAndRun) {
  with_servers([](Scene& s) -> Task<void> {
    const std::vector<std::string> allowed = {"mcp:one/echo", "mcp:two/write*", "mcp:three/*"};
    auto equipment = co_await s.servers.equip({{"one", s.spec("legacy")}, {"two", s.spec("modern")}},
                                              kEnvironment, allowed);
    EXPECT_TRUE(equipment.unavailable.empty());
    ToolBox box(std::move(equipment.tools), allowed);
    EXPECT_EQ(names(box).front(), "mcp__one__echo");
    EXPECT_EQ(names(box).size(), 2u);
    EXPECT_EQ(box.unavailable(), std::vector<std::string>{"mcp:three/*"});
    EXPECT_TRUE(box.is_read_only("mcp__one__echo"));
    const auto said = co_await run(box, "mcp__one__echo", R"({"a":"b"})");
    EXPECT_EQ(said.text, R"({"a": "b"})");
    const auto failed = co_await run(box, names(box).back());
    EXPECT_TRUE(failed.is_error);
    EXPECT_EQ(failed.text, "it cannot be written");
    const auto refused = co_await run(box, "mcp__one__env");
    EXPECT_TRUE(refused.is_error);
    EXPECT_NE(refused.text.find("is not available to this agent"), std::string::npos);
  });
}

TEST(Servers, TheyLiveOnFromOneChatToTheNextAndGoWhenNobodyNamesThem) {
  with_servers([](Scene& s) -> Task<void> {
    const std::vector<std::string> allowed = {"mcp:one/*"};
    for (int i = 0; i < 3; ++i)
      std::ignore = co_await s.servers.equip({{"one", s.spec("legacy")}, {"idle", s.spec("legacy")}},
                                             kEnvironment, allowed);
    EXPECT_EQ(s.script.noted("started"), 1u);  // Neither again nor the one that no tool is named of.
    EXPECT_EQ(s.script.noted("listed"), 2u);   // Two pages, once.
    std::ignore = co_await s.servers.equip({}, kEnvironment, allowed);
    EXPECT_EQ(s.servers.running(), 0u);
  });
}

// As the members of a team that work in one sandbox.
TEST(Servers, TwoChatsThatBeginTogetherBothGetTheTools) {
  with_servers([](Scene& s) -> Task<void> {
    const auto executor = co_await asio::this_coro::executor;
    TaskGroup tasks(executor);
    Signal done(executor);
    std::vector<std::size_t> counts;
    const auto equip = [](Scene& of, std::vector<std::size_t>& to, Signal& ended) -> Task<void> {
      const auto equipment =
          co_await of.servers.equip({{"one", of.spec("legacy")}}, kEnvironment, {"mcp:one/*"});
      to.push_back(equipment.tools.size());
      ended.notify();
    };
    for (int i = 0; i < 3; ++i) tasks.spawn("equip", equip(s, counts, done));
    while (counts.size() < 3) co_await done.wait();
    EXPECT_GT(counts.at(0), 0u);
    EXPECT_EQ(counts, std::vector<std::size_t>(3, counts.at(0)));
    EXPECT_EQ(s.script.noted("started"), 1u);
    EXPECT_EQ(s.script.noted("listed"), 2u);  // Two pages, once for all.
    co_await tasks.stop();
  });
}

TEST(Servers, WhatAnotherChatUsesRunsOnAsLongAsItIsUsed) {
  with_servers([](Scene& s) -> Task<void> {
    const std::vector<std::string> allowed = {"mcp:one/*"};
    auto first = co_await s.servers.equip({{"one", s.spec("legacy")}}, kEnvironment, allowed);
    std::optional<ToolBox> box(std::in_place, std::move(first.tools), allowed);
    const auto nothing = co_await s.servers.equip({}, kEnvironment, {});
    EXPECT_TRUE(nothing.tools.empty());
    auto second = co_await s.servers.equip({{"one", s.spec("modern")}}, kEnvironment, allowed);
    ToolBox other(std::move(second.tools), allowed);
    EXPECT_EQ(s.servers.running(), 2u);
    EXPECT_FALSE((co_await run(*box, "mcp__one__echo")).is_error);
    EXPECT_FALSE((co_await run(other, "mcp__one__echo")).is_error);
    EXPECT_EQ(s.script.noted("started"), 2u);
    box.reset();
    std::ignore = co_await s.servers.equip({}, kEnvironment, {});
    EXPECT_EQ(s.servers.running(), 1u);
    EXPECT_FALSE((co_await run(other, "mcp__one__echo")).is_error);
  });
}

TEST(Servers, OneWhoseConfigOrEnvironmentChangedIsStartedAnew) {
  with_servers([](Scene& s) -> Task<void> {
    const std::vector<std::string> allowed = {"mcp:one/*"};
    std::ignore = co_await s.servers.equip({{"one", s.spec("legacy")}}, kEnvironment, allowed);
    std::ignore = co_await s.servers.equip({{"one", s.spec("modern")}}, kEnvironment, allowed);
    EXPECT_EQ(s.script.noted("started"), 2u);
    auto environment = kEnvironment;
    environment["TOKEN"] = "placeholder";
    auto equipment = co_await s.servers.equip({{"one", s.spec("modern")}}, environment, allowed);
    EXPECT_EQ(s.script.noted("started"), 3u);
    ToolBox box(std::move(equipment.tools), allowed);
    EXPECT_NE((co_await run(box, "mcp__one__env")).text.find("placeholder"), std::string::npos);
  });
}

TEST(Servers, OneThatDiedIsStartedAgainByTheNextCall) {
  with_servers([](Scene& s) -> Task<void> {
    const std::vector<std::string> allowed = {"mcp:one/*"};
    auto equipment = co_await s.servers.equip({{"one", s.spec("legacy")}}, kEnvironment, allowed);
    ToolBox box(std::move(equipment.tools), allowed);
    const auto died = co_await run(box, "mcp__one__die");
    EXPECT_TRUE(died.is_error);
    EXPECT_EQ(died.text, "the MCP server 'one' ended with exit code 3; it said: out of cheese");
    EXPECT_FALSE((co_await run(box, "mcp__one__echo")).is_error);
    EXPECT_EQ(s.script.noted("started"), 2u);
  });
}

TEST(Servers, OneThatCannotBeStartedCostsTheOthersNothing) {
  with_servers([](Scene& s) -> Task<void> {
    const std::vector<std::string> allowed = {"mcp:dead/*", "mcp:good/echo"};
    auto equipment = co_await s.servers.equip({{"dead", s.spec("dead")}, {"good", s.spec("modern")}},
                                              kEnvironment, allowed);
    EXPECT_EQ(equipment.unavailable.size(), 1u);
    EXPECT_EQ(equipment.unavailable.at(0).server, "dead");
    EXPECT_EQ(equipment.unavailable.at(0).message,
              "the MCP server 'dead' ended with exit code 7; it said: cannot start: no licence");
    ToolBox box(std::move(equipment.tools), allowed);
    EXPECT_FALSE((co_await run(box, "mcp__good__echo")).is_error);
  });
}

TEST(Servers, ResourcesAndPromptsAreOfferedWhereAServerHasThem) {
  with_servers([](Scene& s) -> Task<void> {
    const std::vector<std::string> allowed = {"mcp_list_resources", "mcp_read_resource", "mcp_list_prompts",
                                              "mcp_get_prompt"};
    auto without = co_await s.servers.equip({{"one", s.spec("modern")}}, kEnvironment, allowed);
    EXPECT_EQ(ToolBox(std::move(without.tools), allowed).unavailable(), allowed);
    auto equipment = co_await s.servers.equip({{"one", s.spec("legacy")}}, kEnvironment, allowed);
    ToolBox box(std::move(equipment.tools), allowed);
    EXPECT_TRUE(box.unavailable().empty());
    EXPECT_EQ(box.specs().size(), 4u);  // None of the server's tools: no pattern names one.
    EXPECT_EQ((co_await run(box, "mcp_list_resources")).text, "one: resource note://1 (first, text/plain)");
    EXPECT_EQ((co_await run(box, "mcp_read_resource", R"({"uri":"note://1"})")).text,
              "[resource note://1]\nthe text\n[resource b:1: image/png, about 3 bytes, not shown]");
    EXPECT_EQ((co_await run(box, "mcp_list_prompts")).text, "one: greet(who)");
    EXPECT_EQ((co_await run(box, "mcp_get_prompt", R"({"name":"greet","arguments":{"who":"Ada"}})")).text,
              "user: Hello Ada");
    EXPECT_TRUE((co_await run(box, "mcp_read_resource", R"({"uri":"x","server":"other"})")).is_error);
  });
}

TEST(Servers, OneThatTakesItsTimeToFailIsNotWaitedForAtEveryTurn) {
  const auto body = [](Scene& s) -> Task<void> {
    for (int turn = 0; turn < 3; ++turn) {
      const auto equipment = co_await s.servers.equip({{"one", s.spec("silent")}}, kEnvironment, {"mcp:one/*"});
      EXPECT_EQ(equipment.unavailable.size(), 1u) << turn;
    }
    EXPECT_EQ(s.script.noted("started"), 1u);
  };
  ServerLimits limits;
  limits.start = std::chrono::milliseconds(2000);
  limits.slow_failure = std::chrono::milliseconds(1);
  limits.rest = std::chrono::hours(1);
  with_servers(body, limits);
}

TEST(Servers, ATurnWaitsForThemNoLongerThanItsOwnTime) {
  with_servers([](Scene& s) -> Task<void> {
    const auto equipment = co_await s.servers.equip({{"one", s.spec("silent")}}, kEnvironment, {"mcp:one/*"},
                                                    Deadline::after(std::chrono::milliseconds(1)));
    EXPECT_EQ(equipment.unavailable.size(), 1u);
    EXPECT_NE(equipment.unavailable.at(0).message.find("did not start in time"), std::string::npos);
  });
}

TEST(Servers, AChatThatIsCancelledWhileTheyStartLeavesNothingBehind) {
  with_servers([](Scene& s) -> Task<void> {
    TaskGroup tasks(co_await asio::this_coro::executor);
    const auto equip = [](Scene& of) -> Task<void> {
      std::ignore = co_await of.servers.equip({{"one", of.spec("mute")}}, kEnvironment, {"mcp:one/*"});
    };
    tasks.spawn("equip", equip(s));
    co_await tasks.stop();
    // The next one finds what the first one began.
    std::ignore = co_await s.servers.equip({{"one", s.spec("mute")}}, kEnvironment, {"mcp:one/*"});
    EXPECT_EQ(s.script.noted("started"), 1u);
  });
}

}  // namespace
}  // namespace isa::sdk::mcp
