#include "sdk/team/spec.h"

#include <gtest/gtest.h>

namespace isa::sdk::team {
namespace {

Result<TeamSpec> read(std::string_view text, const TeamChoice& choice = {}) {
  const auto document = json::parse(text).value();
  return read_team(document.get_object(), choice);
}

// "pointer: message" of what is wrong.
std::string wrong(std::string_view text, const TeamChoice& choice = {}) {
  const auto team = read(text, choice);
  return team ? "nothing" : team.error().message();
}

constexpr std::string_view kPair = R"({"agents":[{"name":"a"},{"name":"b"}]})";

TEST(TeamSpec, ReadsTheNamesOfTheOriginalToo) {
  const auto team = read(R"({"routing_type":"llm","entry_agent":"b","max_handoffs":3,
      "agents":[{"id":"a","model":"m","mode":"reactive"},{"name":"b","system_prompt":"p","tools":["read_file"]}],
      "dag":[{"task_id":"t","priority":"high"},{"title":"Second","agent":"a"}]})");
  ASSERT_TRUE(team) << team.error().message();
  EXPECT_EQ(team->routing, Routing::swarm);
  EXPECT_EQ(team->entry, "b");
  EXPECT_EQ(team->members[0].agent.model, "m");
  EXPECT_EQ(team->max_handoffs, 3);
  ASSERT_EQ(team->tasks.size(), 2U);
  EXPECT_EQ(team->tasks[0].title, "Task 1");
  EXPECT_EQ(team->tasks[0].description, "Task 1");
  EXPECT_EQ(team->tasks[0].agent, "b");  // The entry agent's, where none is named.
  EXPECT_EQ(team->tasks[1].id, "task_2");
}

TEST(TeamSpec, AMemberMayHaveALimitOfMoneyOfItsOwn) {
  const auto limited = [](std::string_view usd) {
    return fmt::format(R"({{"agents":[{{"name":"a","limits":{{"max_usd":{}}}}}]}})", usd);
  };
  EXPECT_EQ(read(limited("0.25"))->members[0].agent.limits.max_usd, Usd::of_number(0.25));
  EXPECT_EQ(wrong(limited("0")), "/agents/0/limits/max_usd: must be more than 0");
  EXPECT_NE(wrong(limited("-1")), "nothing");
  EXPECT_NE(wrong(limited("\"much\"")), "nothing");
}

TEST(TeamSpec, AMemberAsksByItsModeAndRulesAndAsksNobodyByDefault) {
  const auto team = read(R"x({"agents":[{"name":"a"},{"name":"b","mode":"collaborative"},
      {"name":"c","mode":"PROACTIVE","approvals":[{"match":"bash_execute(rm *)","timeout_s":5},{"match":"x"}]}]})x");
  ASSERT_TRUE(team) << team.error().message();
  EXPECT_EQ(team->members[0].mode, MemberMode::REACTIVE);
  EXPECT_FALSE(team->members[0].approvals);
  EXPECT_EQ(team->members[1].mode, MemberMode::COLLABORATIVE);
  ASSERT_EQ(team->members[2].approvals->size(), 2U);
  EXPECT_EQ(team->members[2].approvals->at(0).timeout_s, 5);
  EXPECT_EQ(team->members[2].approvals->at(1).timeout_s, 1800);
  const auto of = [](std::string_view fields) {
    return wrong(fmt::format(R"({{"agents":[{{"name":"a",{}}}]}})", fields));
  };
  EXPECT_TRUE(of(R"("mode":"eager")").starts_with("/agents/0/mode: expected REACTIVE"));
  EXPECT_TRUE(of(R"("approvals":[{"match":"("}])").starts_with("/agents/0/approvals/0/match"));
  EXPECT_TRUE(
      of(R"("approvals":[{"match":"x","timeout_s":0}])").starts_with("/agents/0/approvals/0/timeout_s"));
  EXPECT_TRUE(of(R"("agent_config_id":"agent_x","approvals":[])").starts_with("/agents/0: a member with"));
}

TEST(TeamSpec, IsTheSameWhenItWasWrittenAndReadBack) {
  const auto team =
      read(R"({"agents":[{"name":"a","tools":["read_file"],"mode":"COLLABORATIVE","skills":["web"],
      "approvals":[{"match":"x"}]},{"name":"b","agent_config_id":"agent_x","sandbox":"own"}],
      "tasks":[{"id":"t","tools":["read_file"]},{"id":"u","agent":"b","depends_on":["t"],"retries":2}],
      "shared_state":{"k":[1]}})");
  ASSERT_TRUE(team) << team.error().message();
  const auto written = json::write(*team);
  const auto back = json::read<TeamSpec>(json::parse(json::serialize(written)).value());
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(json::write(*back), written);
}

TEST(TeamSpec, TheRecordsOwnRoutingTypeAndExecutionModeCount) {
  EXPECT_EQ(read(kPair, {.routing_type = "swarm"})->routing, Routing::swarm);
  EXPECT_EQ(read(kPair, {.execution_mode = "sequential"})->max_parallel, 1);
  EXPECT_EQ(read(kPair)->max_parallel, 4);
  EXPECT_NE(wrong(R"({"agents":[{"name":"a"}],"routing_type":"dag"})", {.routing_type = "swarm"})
                .find("/routing_type: says 'swarm', but the routing_spec says 'dag'"),
            std::string::npos);
  EXPECT_NE(wrong(kPair, {.execution_mode = "fast"}).find("found 'fast'"), std::string::npos);
}

TEST(TeamSpec, TheEntryIsOverrideThenRecordThenSpecThenTheFirstAgent) {
  constexpr std::string_view kNamed =
      R"({"agents":[{"name":"a"},{"name":"b"},{"name":"c"},{"name":"d"}],"entry_agent_id":"b","entry_agent":"c"})";
  EXPECT_EQ(read(kNamed, {.entry_agent_id = "c", .entry_agent_override = "d"})->entry, "d");
  EXPECT_EQ(read(kNamed, {.entry_agent_id = "c"})->entry, "c");
  EXPECT_EQ(read(kNamed)->entry, "b");
  EXPECT_EQ(read(R"({"agents":[{"name":"a"},{"name":"b"}],"entry_agent":"b"})")->entry, "b");
  EXPECT_EQ(read(kPair)->entry, "a");
}

TEST(TeamSpec, AnEntryThatIsNoMemberIsAnErrorThatNamesTheMembers) {
  for (const auto* field : {"entry_agent_id", "entry_agent"}) {
    const auto team = read(fmt::format(R"({{"agents":[{{"name":"a"}}],"{}":"entry"}})", field));
    ASSERT_FALSE(team);
    EXPECT_EQ(team.error().kind(), ErrorKind::validation_error);
    EXPECT_EQ(team.error().param(), fmt::format("/routing_spec/{}", field));
    EXPECT_NE(team.error().message().find("its agents are: a"), std::string::npos);
  }
  EXPECT_EQ(read(kPair, {.entry_agent_override = "x"}).error().param(), "/entry_agent_override");
}

TEST(TeamSpec, ATeamNeedsAgentsWithNamesOfTheirOwn) {
  EXPECT_NE(wrong("{}").find("missing agents"), std::string::npos);
  EXPECT_NE(wrong(R"({"agents":[]})").find("missing agents"), std::string::npos);
  EXPECT_NE(wrong(R"({"agents":[{"description":"nobody"}]})").find("/agents/0/name"), std::string::npos);
  EXPECT_NE(wrong(R"({"agents":[{"name":"a"},{"name":"a"}]})").find("/agents/1/name"), std::string::npos);
  EXPECT_NE(wrong(R"({"agents":["a"]})").find("/agents/0"), std::string::npos);
}

TEST(TeamSpec, ANameThatWouldBreakADirectiveIsRefused) {
  for (const auto* name : {"a]b", "[a", "a\\nb", "", " a", "a,b"})
    EXPECT_NE(wrong(fmt::format(R"({{"agents":[{{"name":"{}"}}]}})", name)), "nothing") << name;
  EXPECT_TRUE(read(R"({"agents":[{"name":"Senior Writer-2"},{"name":"Prüfer"}]})"));
}

TEST(TeamSpec, AnUnknownFieldIsNamed) {
  EXPECT_EQ(read(R"({"agents":[{"name":"a","promt":"x"}]})").error().param(), "/agents/0/promt");
  EXPECT_EQ(read(R"({"agents":[{"name":"a"}],"max_handof":1})").error().param(), "/max_handof");
}

TEST(TeamSpec, AMemberThatIsAConfigSaysNothingElseOfTheAgent) {
  const auto team =
      read(R"({"agents":[{"name":"a","agent_config_id":"agent_1","description":"d","sandbox":"own"}]})");
  ASSERT_TRUE(team);
  EXPECT_EQ(team->members[0].agent_config_id, AgentId("agent_1"));
  EXPECT_EQ(team->members[0].sandbox, MemberSandbox::own);
  EXPECT_EQ(read(R"({"agents":[{"agent_config_id":"agent_1"}]})")->members[0].name, "agent_1");
  EXPECT_NE(wrong(R"({"agents":[{"agent_config_id":"agent_1","tools":[]}]})"), "nothing");
}

TEST(TeamSpec, ATaskOnItselfOnNothingOrOfNobodyIsRefused) {
  const auto tasks = [](std::string_view list) {
    return wrong(fmt::format(R"({{"agents":[{{"name":"a","tools":["read_file"]}}],"tasks":{}}})", list));
  };
  EXPECT_NE(tasks(R"([{"id":"t","depends_on":["t"]}])").find("depends on itself"), std::string::npos);
  EXPECT_NE(tasks(R"([{"id":"t","depends_on":["u"]}])").find("there is no task 'u'"), std::string::npos);
  EXPECT_EQ(tasks(R"([{"id":"a"},{"id":"t","depends_on":["a","a"]}])"),
            "/tasks/1/depends_on/1: the task 'a' is named already");
  EXPECT_NE(tasks(R"([{"id":"t"},{"id":"t"}])").find("another task has the id 't'"), std::string::npos);
  EXPECT_NE(tasks(R"([{"agent":"b"}])").find("'b' is no agent of this team"), std::string::npos);
  EXPECT_NE(tasks(R"([{"tools":["bash_execute"]}])").find("does not have the tool"), std::string::npos);
  EXPECT_NE(tasks(R"([{"retries":6}])").find("/tasks/0/retries"), std::string::npos);
  EXPECT_NE(tasks(R"([{"timeout_s":0}])").find("/tasks/0/timeout_s"), std::string::npos);
}

TEST(TeamSpec, ACycleIsNamedAsItsTasksWait) {
  const auto message = wrong(R"({"agents":[{"name":"x"}],"tasks":[
      {"id":"start"},
      {"id":"a","depends_on":["start","c"]},
      {"id":"b","depends_on":["a"]},
      {"id":"c","depends_on":["b"]},
      {"id":"after","depends_on":["c"]}]})");
  const bool is_named = message.find("a -> c -> b -> a") != std::string::npos ||
                        message.find("b -> a -> c -> b") != std::string::npos ||
                        message.find("c -> b -> a -> c") != std::string::npos;
  EXPECT_TRUE(is_named) << message;
  EXPECT_NE(message.find("each waits for the next"), std::string::npos) << message;
  EXPECT_EQ(message.find("after"), std::string::npos);
}

TEST(TeamSpec, EverythingThatGrowsHasACap) {
  const auto repeated = [](std::string_view item, int count) {
    std::string list;
    for (int i = 0; i < count; ++i) list += (i ? "," : "") + fmt::format(fmt::runtime(item), i);
    return list;
  };
  const auto agents = [&](int count) { return repeated(R"({{"name":"a{}"}})", count); };
  EXPECT_TRUE(read(fmt::format(R"({{"agents":[{}]}})", agents(20))));
  EXPECT_NE(wrong(fmt::format(R"({{"agents":[{}]}})", agents(21))).find("at most 20 agents"),
            std::string::npos);
  const auto tasks = [&](int count) {
    return fmt::format(R"({{"agents":[{{"name":"a"}}],"tasks":[{}]}})", repeated(R"({{"id":"t{}"}})", count));
  };
  EXPECT_TRUE(read(tasks(100)));
  EXPECT_NE(wrong(tasks(101)).find("at most 100 tasks"), std::string::npos);
  EXPECT_NE(wrong(R"({"agents":[{"name":"a"}],"max_parallel":9})").find("from 1 to 8"), std::string::npos);
  EXPECT_NE(wrong(R"({"agents":[{"name":"a"}],"max_handoffs":51})").find("from 0 to 50"), std::string::npos);
  const std::string prompt(90'000, 'x');
  EXPECT_NE(wrong(fmt::format(R"({{"agents":[{}]}})",
                              repeated(R"({{"name":"a{}","system_prompt":")" + prompt + R"("}})", 6)))
                .find("at most"),
            std::string::npos);
}

TEST(TeamSpec, WithoutTasksATeamIsASwarm) {
  EXPECT_FALSE(read(kPair)->runs_as_dag());
  EXPECT_TRUE(read(R"({"agents":[{"name":"a"}],"tasks":[{"id":"t"}]})")->runs_as_dag());
  EXPECT_FALSE(
      read(R"({"agents":[{"name":"a"}],"tasks":[{"id":"t"}],"routing_type":"swarm"})")->runs_as_dag());
}

}  // namespace
}  // namespace isa::sdk::team
