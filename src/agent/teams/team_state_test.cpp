#include "agent/teams/team_state.h"

#include "agent/run_continuation.h"
#include "base/testing.h"
#include "store/file_event_log.h"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

namespace isa::agent {
namespace {

sdk::team::TeamSpec team_of(std::string_view text) {
  return sdk::team::read_team(json::parse(text)->get_object()).value();
}

const std::string kTasks = R"({"agents":[{"name":"a"},{"name":"b"}],
    "tasks":[{"id":"x","agent":"a"},{"id":"y","agent":"b"}]})";
const std::string kSwarm = R"({"agents":[{"name":"a"},{"name":"b"}],"shared_state":{"k":1}})";

sdk::team::WaitingTurn waits_for(std::string call) {
  sdk::team::WaitingTurn turn;
  turn.new_messages.push_back(sdk::Message::make(sdk::ChatRole::user, "do it"));
  turn.pending.push_back({.tool_use_id = std::move(call), .tool = "bash_execute", .subject = "bash_execute"});
  return turn;
}

void wait_at(TeamState& state, std::string_view task, std::string call) {
  auto& report = state.dag->at(task);
  state.dag->step(report, sdk::team::TaskState::ready);
  state.dag->step(report, sdk::team::TaskState::running);
  state.dag->suspend(report, {waits_for(std::move(call)), 5});
}

TEST(TeamStateTest, AnswersFindTheTurnsTheyAreForAlsoWhenTheirCallsHaveTheSameId) {
  const auto team = team_of(kTasks);
  auto state = TeamState::begin(team, "go").value();
  wait_at(state, "x", "call_1");
  wait_at(state, "y", "call_1");
  state.is_asked = true;
  auto read = TeamState::read(team, state.write()).value();

  read.decide({{"b", "y"}, {"a", "x"}},
              {{.tool_use_id = "call_1", .text = "for y"}, {.tool_use_id = "call_1", .text = "for x"}});

  EXPECT_EQ(read.dag->waiting().at("x").turn.answers.at(0).text, "for x");
  EXPECT_EQ(read.dag->waiting().at("y").turn.answers.at(0).text, "for y");
  EXPECT_FALSE(read.is_asked);
}

TEST(TeamStateTest, WhatPeopleWereAskedAboutWasBegunWhenThePlatformDiedAndTheRestWaitsOn) {
  const auto team = team_of(kTasks);
  auto state = TeamState::begin(team, "go").value();
  wait_at(state, "x", "call_1");
  EXPECT_EQ(calls_yet_to_ask(team, state.write()).size(), 1U);
  state.cut_off();
  EXPECT_EQ(state.dag->at("x").state, sdk::team::TaskState::waiting);
  state.is_asked = true;
  EXPECT_TRUE(calls_yet_to_ask(team, state.write()).empty());
  state.cut_off();
  EXPECT_EQ(state.dag->at("x").state, sdk::team::TaskState::running);
}

TEST(TeamStateTest, ASwarmIsReadBackWithTheTurnThatWaitsAndWhatIsShared) {
  const auto team = team_of(kSwarm);
  auto state = TeamState::begin(team, "go").value();
  ASSERT_TRUE(state.swarm);
  state.swarm->waiting = waits_for("call_1");
  state.steered = {"and hurry"};
  auto read = TeamState::read(team, state.write()).value();
  ASSERT_EQ(read.waiting().size(), 1U);
  EXPECT_EQ(read.waiting()[0].origin.member, "a");
  EXPECT_EQ(read.steered, state.steered);
  EXPECT_EQ(read.shared.entries().at("k"), json::value(1));
}

TEST(TeamStateTest, AStateOfAnotherKindOfTeamIsNotRead) {
  const auto state = TeamState::begin(team_of(kTasks), "go").value().write();
  EXPECT_FALSE(TeamState::read(team_of(kSwarm), state));
  EXPECT_FALSE(TeamState::read(team_of(kTasks), {}));
}

TEST(TeamStateTest, OnlyATeamWithTasksSurvivesACrash) {
  json::object document;
  EXPECT_FALSE(survives_a_crash(document));
  document["team_state"] = TeamState::begin(team_of(kSwarm), "go").value().write();
  EXPECT_FALSE(survives_a_crash(document));
  document["team_state"] = TeamState::begin(team_of(kTasks), "go").value().write();
  EXPECT_TRUE(survives_a_crash(document));
}

TEST(TeamStateTest, AWaitingTeamIsStoredWithItsPlanAndWhoseCallsWait) {
  auto plan = std::make_shared<TeamPlan>();
  plan->spec = team_of(kTasks);
  plan->places["a"].mode = store::Mode::COLLABORATIVE;
  plan->places["a"].approval_rules = {{.match = "bash_execute"}};
  plan->id = TeamId("multi_1");
  plan->version = 3;
  RunOrder order;
  order.team = plan;
  const isa::testing::TempFolder folder;
  const auto log = store::open_file_event_log({.folder = folder.path()}).value();
  asio::io_context loop;
  LiveRun live(loop.get_executor(), *log, order, {});
  auto& record = live.record;
  record.usage = sdk::Usage{.input_tokens = 7};
  record.programs.output_tokens = 8;
  record.origins = {{"a", "x"}};
  auto state = TeamState::begin(plan->spec, "go").value();
  wait_at(state, "x", "call_1");
  record.team_state = state.write();
  const auto pending = waits_for("call_1").pending;

  const auto written = json::parse(json::serialize(write_continuation(live, pending))).value();
  store::Run run{.id = order.id, .owner_id = UserId("ann")};
  const auto read = read_continuation(written.get_object(), run, {});

  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(json::write(*read->order.team), json::write(*plan));
  EXPECT_EQ(read->record.usage->input_tokens, 7);
  EXPECT_EQ(read->record.programs.output_tokens, 8);
  EXPECT_EQ(read->record.origins.at(0).task_id, "x");
  EXPECT_EQ(read->record.pending.size(), 1U);
  EXPECT_EQ(read->record.team_state, record.team_state);
}

}  // namespace
}  // namespace isa::agent
