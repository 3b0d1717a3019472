#include "agent/teams/member_turns.h"

#include "agent/teams/open_tasks.h"
#include "base/testing.h"

#include <gtest/gtest.h>

#include <deque>

namespace isa::agent {
namespace {

// A place that says what a test tells it to.
class ScriptedPlace : public TurnExecutor {
 public:
  std::vector<sdk::Event> events;
  std::vector<Turn> turns;
  sdk::Usage usage, programs;
  // What each part of a turn is suspended at; empty or none left: it is not.
  std::deque<std::vector<sdk::PendingCall>> suspensions;

  Task<Result<void>> run(Turn turn, sdk::EventSink sink, TurnRecord& record) override {
    turns.push_back(std::move(turn));
    record.usage = usage;
    record.programs = programs;
    if (!suspensions.empty()) {
      record.pending = std::move(suspensions.front());
      suspensions.pop_front();
    }
    if (!record.pending.empty()) {
      auto& said = record.new_messages.emplace();
      said.push_back(sdk::Message::make(sdk::ChatRole::user, turns.back().message));
      said.push_back(sdk::Message::make(sdk::ChatRole::assistant, "I call."));
      auto& results = said.emplace_back(sdk::Message{sdk::ChatRole::tool, {}});
      for (const auto& call : record.pending) {
        said[1].parts.push_back(sdk::Part::make_tool_call(call.tool_use_id, call.tool, "{}"));
        results.parts.push_back(sdk::Part::make_tool_result(call.tool_use_id, "[interrupted]", true));
      }
      co_return ok();
    }
    for (const auto& event : events) ISA_CO_TRYV(co_await sink(event));
    co_return ok();
  }
};

struct MemberTurnsTest : ::testing::Test {
  ScriptedPlace place;
  std::map<store::ExecutionEnv, TurnExecutor*> places{{store::ExecutionEnv::cloud_pool, &place}};
  Turn team_turn;
  TurnRecord record;
  std::vector<sdk::Event> shown;

  void team(std::string_view agents) {
    const auto document = json::parse(fmt::format(R"({{"agents":{}}})", agents)).value();
    auto plan = std::make_shared<TeamPlan>();
    plan->spec = sdk::team::read_team(document.get_object()).value();
    for (const auto& member : plan->spec.members) {
      auto& where = plan->places[member.name];
      where.env = store::ExecutionEnv::cloud_pool;
      if (member.mode == sdk::team::MemberMode::COLLABORATIVE) where.mode = store::Mode::COLLABORATIVE;
    }
    plan->max_tokens = 100;
    team_turn.team = plan;
    team_turn.session = SessionId("sess_1");
  }
  // Tools of the team: `ask` answers, `leave` ends the turn.
  static std::vector<sdk::team::RemoteTool> tools() {
    return {{{.name = "ask"},
             [](json::object) -> Task<sdk::team::RemoteAnswer> {
               sdk::team::RemoteAnswer answer;
               answer.output.text = "asked";
               co_return answer;
             }},
            {{.name = "leave"}, [](json::object) -> Task<sdk::team::RemoteAnswer> {
               sdk::team::RemoteAnswer answer;
               answer.output.text = "left";
               answer.ends_turn = true;
               co_return answer;
             }}};
  }
  static sdk::PendingCall pending(std::string id, std::string tool, sdk::PendingReason reason) {
    return {std::move(id), tool, tool, {}, reason};
  }
  Result<sdk::team::MemberAnswer> turn_of(std::string member,
                                          std::optional<sdk::team::WaitingTurn> resumed = {}) {
    MemberTurns members(places, team_turn, record);
    sdk::EventSink sink = [this](sdk::Event event) -> Task<Result<void>> {
      shown.push_back(std::move(event));
      co_return ok();
    };
    sdk::team::MemberTurn turn{.prompt = "do it", .tools = tools(), .resumed = std::move(resumed)};
    return isa::testing::run(members.run(std::move(member), std::move(turn), sink));
  }
};

TEST_F(MemberTurnsTest, MembersShareTheSandboxOfTheSessionUnlessOneHasItsOwn) {
  team(R"([{"name":"a"},{"name":"b","sandbox":"own"}])");
  (void)turn_of("a");
  (void)turn_of("b");
  EXPECT_EQ(place.turns.at(0).session, SessionId("sess_1"));
  EXPECT_EQ(place.turns.at(1).session, SessionId("sess_1/b"));
  EXPECT_EQ(place.turns.at(0).team, nullptr);
}

TEST_F(MemberTurnsTest, TheSandboxesOfMembersHaveIdsThatNoClientCanChoose) {
  EXPECT_NE(own_session(SessionId("s"), "a b").value(), own_session(SessionId("s"), "a_b").value());
  EXPECT_NE(own_session(SessionId("s"), "a").value().value().find('/'), std::string::npos);
  const auto too_long = own_session(SessionId(std::string(128, 's')), "a");
  ASSERT_FALSE(too_long);
  EXPECT_NE(too_long.error().message().find("at most 126 characters"), std::string::npos);
}

TEST_F(MemberTurnsTest, AMemberCannotSpeakForTheTeam) {
  team(R"([{"name":"a"}])");
  place.events = {{sdk::EventType::session_start, "", {}},
                  {sdk::EventType::system, "", {{"event", "dag_task"}, {"state", "completed"}}},
                  {sdk::EventType::system, "", {{"event", "swarm_handoff"}}},
                  {sdk::EventType::system, "", {{"event", "sandbox.acquired"}}},
                  {sdk::EventType::result, "done", {{"subtype", "success"}}},
                  {sdk::EventType::session_end, "", {}}};
  const auto answer = turn_of("a");
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].metadata.at("event").as_string(), "sandbox.acquired");
  EXPECT_EQ(answer->text, "done");
}

TEST_F(MemberTurnsTest, AnErrorOfAMembersTurnKeepsItsCode) {
  team(R"([{"name":"a"}])");
  place.events = {sdk::error_event("sandbox_lost", "it is gone", true)};
  const auto answer = turn_of("a");
  ASSERT_TRUE(answer->error);
  EXPECT_EQ(answer->error->code(), "sandbox_lost");
  EXPECT_FALSE(answer->is_good());
}

TEST_F(MemberTurnsTest, TheTokensOfAllMembersTogetherHaveALimit) {
  team(R"([{"name":"a"}])");
  place.usage.input_tokens = 60;
  place.events = {{sdk::EventType::result, "x", {{"subtype", "success"}}}};
  (void)turn_of("a");
  (void)turn_of("a");
  EXPECT_EQ(turn_of("a")->subtype, "error_budget");
  EXPECT_EQ(place.turns.size(), 2U);
  EXPECT_EQ(record.usage->input_tokens, 120);
}

TEST_F(MemberTurnsTest, TheMoneyOfAllMembersTogetherHasALimitAndIsWarnedOfOnce) {
  team(R"([{"name":"a"}])");
  auto plan = std::make_shared<TeamPlan>(*team_turn.team);
  plan->max_tokens.reset();
  plan->max_usd = Usd::of_nanos(100);
  team_turn.team = plan;
  place.usage.input_tokens = 60;
  place.usage.cost_usd = Usd::of_nanos(45);
  place.events = {{sdk::EventType::result, "x", {{"subtype", "success"}}}};
  for (int i = 0; i < 3; ++i) (void)turn_of("a");
  const auto last = turn_of("a");
  EXPECT_EQ(last->subtype, "error_budget");
  EXPECT_EQ(last->text, "limits.max_usd is 0.0000001, and 0.000000135 USD were spent");
  EXPECT_EQ(place.turns.size(), 3U);
  ASSERT_EQ(shown.size(), 1U);
  EXPECT_EQ(shown[0].metadata.at("event").as_string(), "budget.warn");
}

TEST_F(MemberTurnsTest, ATurnGoesOnWithTheAnswersOfTheTeamsTools) {
  team(R"([{"name":"a"}])");
  using enum sdk::PendingReason;
  place.suspensions = {{pending("1", "ask", platform_tool), pending("2", "bash_execute", deferred)}};
  place.events = {{sdk::EventType::result, "done", {{"subtype", "success"}}}};
  const auto answer = turn_of("a");
  ASSERT_EQ(place.turns.size(), 2U);
  EXPECT_EQ(place.turns[0].agent.platform_tools.size(), 2U);
  ASSERT_TRUE(place.turns[1].resumption);
  const auto& answers = place.turns[1].resumption->answers;
  ASSERT_EQ(answers.size(), 2U);
  EXPECT_EQ(answers[0].text, "asked");
  EXPECT_FALSE(answers[0].run);
  EXPECT_TRUE(answers[1].run);
  EXPECT_EQ(answer->text, "done");
}

TEST_F(MemberTurnsTest, ACallThatEndsTheTurnLeavesNoCallWithoutItsResult) {
  team(R"([{"name":"a"}])");
  using enum sdk::PendingReason;
  place.suspensions = {{pending("1", "leave", platform_tool), pending("2", "ask", platform_tool),
                        pending("3", "bash_execute", deferred)}};
  const auto answer = turn_of("a");
  EXPECT_EQ(place.turns.size(), 1U);
  EXPECT_TRUE(answer->is_good());
  EXPECT_EQ(answer->text, "I call.");
  ASSERT_EQ(answer->new_messages.size(), 3U);
  const auto& results = answer->new_messages[2].parts;
  EXPECT_EQ(results[0].text, "left");
  EXPECT_FALSE(results[0].is_error);
  EXPECT_NE(results[1].text.find("Not run"), std::string::npos);
  EXPECT_TRUE(results[2].is_error);
  EXPECT_EQ(std::ranges::count(shown, sdk::EventType::tool_result, &sdk::Event::type), 3);
}

TEST_F(MemberTurnsTest, AReactiveMemberAsksNobodyAndWhatItWouldAskAboutIsNotRun) {
  team(R"([{"name":"a"}])");
  place.suspensions = {{pending("1", "bash_execute", sdk::PendingReason::approval)}};
  place.events = {{sdk::EventType::result, "done", {{"subtype", "success"}}}};
  const auto turn = turn_of("a");
  EXPECT_FALSE(turn->waiting);
  const auto& answer = place.turns.at(1).resumption->answers.at(0);
  EXPECT_FALSE(answer.run);
  EXPECT_TRUE(answer.is_error);
  EXPECT_NE(answer.text.find("asks nobody"), std::string::npos);
}

TEST_F(MemberTurnsTest, AMemberThatAsksWaitsAndGoesOnWithWhatWasDecided) {
  team(R"([{"name":"a","mode":"COLLABORATIVE"}])");
  using enum sdk::PendingReason;
  place.usage.input_tokens = 10;
  place.suspensions = {{pending("1", "ask", platform_tool), pending("2", "bash_execute", approval),
                        pending("3", "x", deferred)}};
  place.events = {{sdk::EventType::result, "done", {{"subtype", "success"}}}};

  auto first = turn_of("a");
  ASSERT_TRUE(first && first->waiting);
  EXPECT_EQ(place.turns.size(), 1U);
  EXPECT_EQ(first->waiting->pending.size(), 3U);
  first->waiting->answers = {{.tool_use_id = "2", .run = true}};
  place.usage.input_tokens = 15;
  const auto second = turn_of("a", std::move(first->waiting));

  EXPECT_EQ(second->text, "done");
  EXPECT_EQ(second->usage.input_tokens, 5);  // A turn counts over all its parts.
  EXPECT_EQ(record.usage->input_tokens, 15);
  const auto& answers = place.turns.at(1).resumption->answers;
  ASSERT_EQ(answers.size(), 3U);
  EXPECT_EQ(answers[0].text, "asked");  // The team's own tool is run when all is decided, in its place.
  EXPECT_TRUE(answers[1].run);
  EXPECT_TRUE(answers[2].run);
}

TEST_F(MemberTurnsTest, WhatWasApprovedBeforeTheCallThatEndsTheTurnIsRun) {
  team(R"([{"name":"a","mode":"COLLABORATIVE"}])");
  using enum sdk::PendingReason;
  place.suspensions = {{pending("1", "bash_execute", approval), pending("2", "leave", platform_tool),
                        pending("3", "x", deferred)}};
  auto first = turn_of("a");
  ASSERT_TRUE(first && first->waiting);
  first->waiting->answers = {{.tool_use_id = "1", .run = true}};
  (void)turn_of("a", std::move(first->waiting));
  ASSERT_EQ(place.turns.size(), 2U);
  const auto& answers = place.turns[1].resumption->answers;
  EXPECT_TRUE(answers[0].run);
  EXPECT_EQ(answers[1].text, "left");
  EXPECT_FALSE(answers[2].run);
  EXPECT_NE(answers[2].text.find("Not run"), std::string::npos);
}

TEST_F(MemberTurnsTest, AMemberThatIsSuspendedWithoutAnEndIsEnded) {
  team(R"([{"name":"a"}])");
  for (int i = 0; i < 2'000; ++i)
    place.suspensions.push_back({pending("1", "bash_execute", sdk::PendingReason::deferred)});
  const auto answer = turn_of("a");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::upstream_error);
  EXPECT_NE(answer.error().message().find("caught in a loop"), std::string::npos);
  EXPECT_LT(place.turns.size(), 1'100U);
}

TEST_F(MemberTurnsTest, AMemberCannotWaitForCallsWithoutNumber) {
  team(R"([{"name":"a"}])");
  auto& calls = place.suspensions.emplace_back();
  for (int i = 0; i < 1'000; ++i)
    calls.push_back(pending(std::to_string(i), "bash_execute", sdk::PendingReason::deferred));
  const auto answer = turn_of("a");
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().kind(), ErrorKind::upstream_error);
  EXPECT_EQ(place.turns.size(), 1U);
}

TEST_F(MemberTurnsTest, AMemberHasItsOwnSkills) {
  team(R"([{"name":"a","skills":["web"]},{"name":"b"}])");
  auto plan = std::make_shared<TeamPlan>(*team_turn.team);
  plan->skills["a"].skills = {store::Skill{.name = "web", .description = "About the web."}};
  team_turn.team = plan;
  (void)turn_of("a");
  (void)turn_of("b");
  ASSERT_EQ(place.turns.at(0).agent.skills.size(), 1U);
  EXPECT_EQ(place.turns[0].agent.skills[0].name, "web");
  EXPECT_EQ(place.turns[0].skills.skills.size(), 1U);
  EXPECT_TRUE(place.turns.at(1).agent.skills.empty());
}

TEST(OpenTasks, EndsWhatIsNotOverAndReportsAll) {
  OpenTasks tasks;
  const auto start = json::parse(R"({"event":"dag_start","tasks":[{"task_id":"a","title":"A","agent":"x"},
      {"task_id":"b","title":"B","agent":"x"},{"task_id":"c","title":"C","agent":"x"}]})");
  tasks.see({sdk::EventType::system, "", start->get_object()});
  tasks.see(
      {sdk::EventType::system, "out", {{"event", "dag_task"}, {"task_id", "a"}, {"state", "completed"}}});
  tasks.see({sdk::EventType::system, "", {{"event", "dag_task"}, {"task_id", "b"}, {"state", "running"}}});
  tasks.see({sdk::EventType::system, "", {{"event", "dag_task"}, {"task_id", "z"}, {"state", "running"}}});

  const auto ended = tasks.cut_off("why");

  ASSERT_EQ(ended.size(), 2U);
  EXPECT_EQ(ended[0].metadata.at("state").as_string(), "cancelled");
  const auto report = tasks.report().value();
  EXPECT_EQ(report.at(0).at("output").as_string(), "out");
  EXPECT_EQ(report.at(1).at("reason").as_string(), "why");
  EXPECT_EQ(report.as_array().size(), 3U);
  EXPECT_TRUE(tasks.cut_off("again").empty());
}

TEST(OpenTasks, WhatIsNoTeamHasNoReportAndNobodyMakesItGrowWithoutEnd) {
  OpenTasks tasks;
  EXPECT_EQ(tasks.report(), std::nullopt);
  json::array list;
  for (int i = 0; i < 5'000; ++i) list.push_back(json::object{{"task_id", std::to_string(i)}});
  tasks.see({sdk::EventType::system, "", {{"event", "dag_start"}, {"tasks", list}}});
  EXPECT_EQ(tasks.report()->as_array().size(), sdk::team::kTasksMax);
}

TEST_F(MemberTurnsTest, WhatProgramsUsedCountsForTheTeamAndIsToldToTheNextSandbox) {
  team(R"([{"name":"a"}])");
  place.usage.input_tokens = 20;
  place.programs.input_tokens = 40;
  place.events = {{sdk::EventType::result, "x", {{"subtype", "success"}}}};
  (void)turn_of("a");
  EXPECT_TRUE(place.turns.at(0).allowance.elsewhere.is_nothing());
  (void)turn_of("a");
  EXPECT_EQ(place.turns.at(1).allowance.elsewhere.input_tokens, 60);
  EXPECT_EQ(turn_of("a")->subtype, "error_budget");
  EXPECT_EQ(record.usage->input_tokens, 40);
  EXPECT_EQ(record.programs.input_tokens, 80);
}

}  // namespace
}  // namespace isa::agent
