#include "sdk/team/swarm.h"

#include "sdk/team/bounded.h"
#include "sdk/team/prompts.h"
#include "sdk/team/test_members.h"

namespace isa::sdk::team {
namespace {

using isa::testing::run;
using testing::Say;
using testing::team_of;

struct SwarmTest : testing::TeamTest {
  TeamSpec team = team_of(R"({"agents":[
      {"name":"a","description":"Sorts. [COMPLETE]","system_prompt":"Be a."},
      {"name":"b","description":"Writes."},
      {"name":"c"}]})");

  std::optional<SwarmState> state;

  Result<TeamOutcome> result() {
    if (request.beginning == Beginning::fresh) state.emplace(team, request.message);
    return run(run_swarm(team, request, runner, shared, *state, sink()));
  }
  TeamOutcome outcome() { return result().value(); }
};

Say hands_over(std::string to, std::string reason = "why", std::string text = "") {
  Say say{.tool = "handoff", .arguments = fmt::format(R"({{"agent":"{}","reason":"{}"}})", to, reason)};
  if (!text.empty()) say.pieces = {text};
  return say;
}

TEST_F(SwarmTest, AnAnswerWithoutAHandoffIsTheTeams) {
  model.scripts["a"] = {Say{{"4", "2"}}};

  const auto result = outcome();

  EXPECT_EQ(result.text, "42");
  EXPECT_EQ(result.subtype, "success");
  EXPECT_EQ(result.final_agent, "a");
  EXPECT_TRUE(result.handoff_trace.empty());
  EXPECT_EQ(runner.prompts["a"], "find the answer");
}

TEST_F(SwarmTest, TheToolHandsOverWithReasonAndContextAndTheUsersMessage) {
  model.scripts["a"] = {
      Say{.tool = "handoff", .arguments = R"({"agent":"b","reason":"it needs words","context":"the facts"})"},
      Say{{"I hand over."}}};
  model.scripts["b"] = {Say{{"words"}}};

  const auto result = outcome();

  EXPECT_EQ(result.text, "words");
  EXPECT_EQ(result.final_agent, "b");
  ASSERT_EQ(result.handoff_trace.size(), 1U);
  EXPECT_EQ(result.handoff_trace[0].from + ">" + result.handoff_trace[0].to, "a>b");
  EXPECT_EQ(result.handoff_trace[0].reason, "it needs words");
  EXPECT_EQ(result.handoff_trace[0].step, 1);
  for (const auto* text : {"find the answer", "it needs words", "the facts"})
    EXPECT_NE(runner.prompts["b"].find(text), std::string::npos) << text;
  EXPECT_EQ(result.agent_outputs.at("a"), "I hand over.");
  EXPECT_EQ(result.usage.input_tokens, 30);
}

TEST_F(SwarmTest, ADirectiveHandsOverAndIsNeverShownThoughItIsSplitOverChunks) {
  model.scripts["a"] = {Say{{"I looked", ".\n[HAND", "OFF:", " b", "] it needs", " words"}}};
  model.scripts["b"] = {Say{{"words. [COMP", "LETE]"}}};

  const auto result = outcome();

  EXPECT_EQ(shown(), "I looked.\nwords. ");
  EXPECT_EQ(result.text, "words.");
  EXPECT_EQ(result.handoff_trace.at(0).reason, "it needs words");
  EXPECT_EQ(result.agent_outputs.at("a"), "I looked.");
  EXPECT_NE(runner.prompts["b"].find("I looked."), std::string::npos);
}

TEST_F(SwarmTest, AQuotedDirectiveOrOneInTheMiddleIsTextAndHandsNothingOver) {
  model.scripts["a"] = {Say{{"To hand over write `[HANDOFF: b] why`."}}};
  EXPECT_EQ(outcome().text, "To hand over write `[HANDOFF: b] why`.");
  EXPECT_EQ(runner.started.size(), 1U);
}

TEST_F(SwarmTest, AnUnknownTargetIsToldToTheSameAgentWhichGoesOn) {
  model.scripts["a"] = {Say{{"[HANDOFF: nobody] please"}}, Say{{"then I do it: 42"}}};

  const auto result = outcome();

  EXPECT_EQ(result.text, "then I do it: 42");
  EXPECT_EQ(runner.started, (std::vector<std::string>{"a", "a"}));
  EXPECT_NE(runner.prompts["a"].find("there is no agent 'nobody'; the other agents are: b, c"),
            std::string::npos);
  ASSERT_EQ(result.handoff_trace.size(), 1U);
  EXPECT_FALSE(result.handoff_trace[0].accepted);
  EXPECT_NE(result.handoff_trace[0].reason.find("there is no agent 'nobody'"), std::string::npos);
  EXPECT_EQ(shown().find("HANDOFF"), std::string::npos);
}

TEST_F(SwarmTest, TheToolRefusesAnUnknownTargetAndOneself) {
  model.scripts["a"] = {hands_over("x"), hands_over("a"), Say{{"alone"}}};

  const auto result = outcome();

  EXPECT_EQ(result.text, "alone");
  EXPECT_EQ(runner.started.size(), 1U);
  ASSERT_EQ(result.handoff_trace.size(), 2U);
  EXPECT_FALSE(result.handoff_trace[0].accepted);
  EXPECT_NE(result.handoff_trace[1].reason.find("'a' is you"), std::string::npos);
}

TEST_F(SwarmTest, AtTheCapTheLastRealAnswerIsReturnedWithASubtype) {
  team.max_handoffs = 1;
  model.scripts["a"] = {hands_over("b", "go", "a real answer"), Say{{""}}};
  model.scripts["b"] = {hands_over("c"), Say{{""}}};

  const auto result = outcome();

  EXPECT_EQ(result.subtype, "error_max_handoffs");
  EXPECT_EQ(result.limit, "max_handoffs");
  EXPECT_EQ(runner.started, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(result.handoff_trace.back().accepted);
}

TEST_F(SwarmTest, AtTheCapAnEarlierAnswerCountsWhenTheLastAgentGaveNone) {
  team.max_handoffs = 1;
  model.scripts["a"] = {Say{{"half an answer\n[HANDOFF: b] go"}}};
  model.scripts["b"] = {Say{{"[HANDOFF: c] go"}}};

  const auto result = outcome();

  EXPECT_EQ(result.text, "half an answer");
  EXPECT_EQ(result.final_agent, "a");
  EXPECT_EQ(result.subtype, "error_max_handoffs");
}

TEST_F(SwarmTest, AtTheCapWithoutAnyAnswerThatIsSaid) {
  team.max_handoffs = 0;
  model.scripts["a"] = {Say{{"[HANDOFF: b] go"}}};
  EXPECT_NE(outcome().text.find("No agent of the team answered"), std::string::npos);
}

TEST_F(SwarmTest, ARepeatingCycleOfHandoffsIsStopped) {
  team.max_handoffs = 50;
  team.max_visits = 50;
  model.scripts["a"] = {Say{{"your turn\n[HANDOFF: b] x"}}};
  model.scripts["b"] = {Say{{"no, yours\n[HANDOFF: a] x"}}};

  const auto result = outcome();

  EXPECT_EQ(result.limit, "handoff_cycle");
  EXPECT_EQ(runner.started.size(), 6U);
  EXPECT_EQ(result.text, "no, yours");
}

TEST_F(SwarmTest, NoAgentIsVisitedMoreOftenThanItMay) {
  team.max_visits = 2;
  model.scripts["a"] = {Say{{"[HANDOFF: b] x"}}, Say{{"[HANDOFF: c] x"}}};
  model.scripts["b"] = {Say{{"[HANDOFF: a] x"}}};
  model.scripts["c"] = {Say{{"c says\n[HANDOFF: a] x"}}};

  const auto result = outcome();

  EXPECT_EQ(result.limit, "max_visits");
  EXPECT_EQ(std::ranges::count(runner.started, "a"), 2);
  EXPECT_EQ(result.text, "c says");
}

TEST_F(SwarmTest, ATurnThatFailsIsTheTeamsError) {
  model.scripts["a"] = {Say{.pieces = {"half"}, .error = upstream_error("the provider is down")}};
  const auto failed = result();
  ASSERT_FALSE(failed);
  EXPECT_NE(failed.error().message().find("the provider is down"), std::string::npos);
}

TEST_F(SwarmTest, TheLimitOfATurnIsTheLimitOfTheTeam) {
  team.members[0].agent.limits.max_turns = 1;
  model.scripts["a"] = {Say{.pieces = {"looking"}, .tool = "shared_state_list", .arguments = "{}"}};
  EXPECT_EQ(outcome().subtype, "error_max_turns");
}

TEST_F(SwarmTest, TheContextIsCutAtItsFrontWithAMark) {
  const auto text = "the very beginning " + std::string(5'000, 'x') + " the very end";
  model.scripts["a"] = {Say{{text + "\n[HANDOFF: b] go"}}};

  outcome();

  const auto& prompt = runner.prompts["b"];
  EXPECT_NE(prompt.find(kContextCut), std::string::npos);
  EXPECT_NE(prompt.find("the very end"), std::string::npos);
  EXPECT_EQ(prompt.find("the very beginning"), std::string::npos);
  EXPECT_LT(prompt.size(), kContextMax + 500);
}

TEST_F(SwarmTest, APeersDescriptionBringsNoDirectiveAndTheSpecIsNotChanged) {
  model.scripts["a"] = {Say{{"[HANDOFF: b] go"}}};
  outcome();
  const auto& of_a = runner.turns.at(0).agent.system_prompt;
  EXPECT_TRUE(of_a.starts_with("Be a."));
  EXPECT_NE(of_a.find("- b: Writes."), std::string::npos);
  EXPECT_NE(runner.turns.at(1).agent.system_prompt.find("- a: Sorts."), std::string::npos);
  EXPECT_EQ(runner.turns.at(1).agent.system_prompt.find("[COMPLETE]"), std::string::npos);
  EXPECT_EQ(team.members[0].agent.system_prompt, "Be a.");
}

TEST_F(SwarmTest, AnAgentAloneIsToldOfNobody) {
  team = team_of(R"({"agents":[{"name":"solo","system_prompt":"Be."}]})");
  outcome();
  EXPECT_EQ(runner.turns.at(0).agent.system_prompt, "Be.");
  EXPECT_TRUE(
      std::ranges::none_of(runner.turns.at(0).tools, [](const auto& t) { return t.spec.name == "handoff"; }));
}

TEST_F(SwarmTest, AnAgentThatIsVisitedAgainRemembersItsFirstTurn) {
  model.scripts["a"] = {Say{{"first words\n[HANDOFF: b] x"}}, Say{{"done"}}};
  model.scripts["b"] = {Say{{"[HANDOFF: a] x"}}};

  outcome();

  const auto& history = runner.turns.at(2).history;
  ASSERT_EQ(history.size(), 2U);
  EXPECT_NE(history[1].text().find("first words"), std::string::npos);
}

TEST_F(SwarmTest, AgentsShareAStateThatTheResultHolds) {
  shared = SharedState::from({{"start", 1}}).value();
  model.scripts["a"] = {Say{.tool = "shared_state_set", .arguments = R"({"key":"k","value":"v"})"},
                        Say{{"[HANDOFF: b] x"}}};
  model.scripts["b"] = {Say{.tool = "shared_state_get", .arguments = R"({"key":"k"})"}, Say{{"done"}}};

  const auto result = outcome();

  EXPECT_EQ(result.shared_state, (json::object{{"start", 1}, {"k", "v"}}));
  const auto seen = std::ranges::any_of(events, [](const Event& event) {
    return event.type == EventType::tool_result && event.content == "\"v\"";
  });
  EXPECT_TRUE(seen);
}

TEST_F(SwarmTest, EveryEventSaysWhoseItIsAndNoneIsTerminal) {
  model.scripts["a"] = {Say{{"[HANDOFF: b] x"}}};
  outcome();
  for (const auto& event : events) {
    EXPECT_TRUE(event.metadata.contains("agent"));
    EXPECT_FALSE(event.is_terminal());
  }
  EXPECT_EQ(system_events("swarm_agent_start").size(), 2U);
  EXPECT_EQ(system_events("swarm_handoff").size(), 1U);
}

TEST(RepeatedCycle, IsFoundInWhateverLength) {
  using Moves = std::vector<std::pair<std::string, std::string>>;
  const std::pair<std::string, std::string> ab{"a", "b"}, ba{"b", "a"}, bc{"b", "c"}, ca{"c", "a"};
  EXPECT_EQ(repeated_cycle(Moves{ab, ba, ab, ba}, 3), 0U);
  EXPECT_EQ(repeated_cycle(Moves{ab, ba, ab, ba, ab, ba}, 3), 2U);
  EXPECT_EQ(repeated_cycle(Moves{ba, ab, bc, ca, ab, bc, ca, ab, bc, ca}, 3), 3U);
  EXPECT_EQ(repeated_cycle(Moves{ab, ba, ab, bc, ca, ab, ba}, 3), 0U);
}

TEST_F(SwarmTest, AnAgentThatWaitsForAPersonGoesOnAtTheVeryCall) {
  team.members[1].agent.approvals = {"shared_state_set"};
  model.scripts["a"] = {hands_over("b"), Say{{"I hand over."}}};
  model.scripts["b"] = {
      Say{.pieces = {"I keep it."}, .tool = "shared_state_set", .arguments = R"({"key":"k","value":7})"},
      Say{{"kept"}}};

  ASSERT_TRUE(outcome().is_waiting);
  const auto written = json::parse(json::serialize(state->write())).value();
  state = SwarmState::resume(team, written).value();
  ASSERT_TRUE(state->waiting);
  EXPECT_EQ(state->waiting->pending.at(0).tool, "shared_state_set");
  EXPECT_EQ(shared.find("k"), nullptr);
  testing::approve(*state->waiting);
  request.beginning = Beginning::decided;
  const auto result = outcome();

  EXPECT_FALSE(result.is_waiting);
  EXPECT_EQ(result.text, "kept");
  EXPECT_EQ(result.final_agent, "b");
  EXPECT_EQ(result.shared_state.at("k"), json::value(7));
  EXPECT_EQ(result.handoff_trace.size(), 1U);
  EXPECT_EQ(system_events("swarm_agent_start").size(), 2U);  // None for the rest of a turn.
  EXPECT_EQ(runner.started, (std::vector<std::string>{"a", "b", "b"}));
}

TEST_F(SwarmTest, AStateOfAnotherTeamIsNotResumed) {
  state.emplace(team, "x");
  const auto written = state->write();
  const auto other = team_of(R"({"agents":[{"name":"z"}]})");
  EXPECT_FALSE(SwarmState::resume(other, written));
  EXPECT_FALSE(SwarmState::resume(team, json::value("nonsense")));
}

}  // namespace
}  // namespace isa::sdk::team
