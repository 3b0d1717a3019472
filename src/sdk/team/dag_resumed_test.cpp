// Tasks that wait for people, and tasks that a crash cut off.
#include "sdk/team/test_dag.h"

namespace isa::sdk::team {
namespace {

using isa::testing::run;
using testing::Say;

struct ResumedDag : testing::DagTest {
  // The member of that name asks before it shares a value.
  void asks(std::size_t member) {
    const auto& name = team.members[member].name;
    team.members[member].agent.approvals = {"shared_state_set"};
    model.scripts[name] = {Say{.pieces = {},
                               .tool = "shared_state_set",
                               .arguments = fmt::format(R"({{"key":"{}","value":7}})", name)},
                           Say{{"done by " + name}}};
  }
  void approve_all() {
    for (auto& [id, task] : state->waiting()) testing::approve(task.turn);
    request.beginning = Beginning::decided;
  }
  // As the crash of a process leaves it.
  void was(std::string_view id, TaskState as) {
    auto& task = state->at(id);
    state->step(task, TaskState::ready);
    state->step(task, TaskState::running);
    ++task.attempts;
    if (as != TaskState::running) state->step(task, as);
  }
};

TEST_F(ResumedDag, ATaskThatWaitsHoldsUpNothingButWhatDependsOnIt) {
  tasks(R"([{"id":"a"},{"id":"b","depends_on":["a"]},{"id":"c"},{"id":"d","depends_on":["c"]}])");
  asks(0);

  ASSERT_TRUE(outcome().is_waiting);
  EXPECT_EQ(states(), "a=waiting b=pending c=completed d=completed");
  EXPECT_EQ(shared.find("a"), nullptr);
  read_back();
  approve_all();
  const auto result = outcome();

  EXPECT_FALSE(result.is_waiting);
  EXPECT_EQ(result.subtype, "success");
  EXPECT_EQ(states(), "a=completed b=completed c=completed d=completed");
  EXPECT_EQ(state->at("a").attempts, 1);
  EXPECT_EQ(result.agent_outputs.at("a:a"), "done by a");
  EXPECT_EQ(result.shared_state.at("a"), json::value(7));
  EXPECT_EQ(std::ranges::count(runner.started, "c"), 1);
  EXPECT_EQ(system_events("dag_start").size(), 1U);  // It never stopped being the same run.
  EXPECT_EQ(result.usage.input_tokens, 50);
}

TEST_F(ResumedDag, TasksThatWaitAtTheSameTimeGoOnTogether) {
  tasks(R"([{"id":"a"},{"id":"b"},{"id":"c","depends_on":["a","b"]}])");
  asks(0);
  asks(1);

  ASSERT_TRUE(outcome().is_waiting);
  EXPECT_EQ(state->waiting().size(), 2U);
  read_back();
  approve_all();

  EXPECT_EQ(outcome().subtype, "success");
  EXPECT_EQ(shared.entries().size(), 2U);
}

TEST_F(ResumedDag, ADeniedCallIsTheAgentsToDealWith) {
  tasks(R"([{"id":"a"}])");
  asks(0);
  ASSERT_TRUE(outcome().is_waiting);
  auto& turn = state->waiting().at("a").turn;
  turn.answers.push_back(
      {.tool_use_id = turn.pending.at(0).tool_use_id, .text = "A person said no.", .is_error = true});
  request.beginning = Beginning::decided;

  EXPECT_EQ(outcome().subtype, "success");
  EXPECT_EQ(shared.find("a"), nullptr);
}

TEST_F(ResumedDag, WhatACrashCutOffIsTriedAgainOnlyWhereItHasRetriesLeft) {
  tasks(R"([{"id":"done"},{"id":"again","retries":1},{"id":"not","retries":0},
      {"id":"next","depends_on":["done","again"]},{"id":"never","depends_on":["not"]}])");
  was("done", TaskState::completed);
  state->at("done").output = "kept";
  was("again", TaskState::running);
  was("not", TaskState::running);
  read_back();
  request.beginning = Beginning::cut_off;

  const auto result = outcome();

  EXPECT_EQ(states(), "done=completed again=completed not=failed next=completed never=skipped");
  EXPECT_EQ(runner.started, (std::vector<std::string>{"again", "next"}));
  EXPECT_NE(runner.prompts["next"].find("kept"), std::string::npos);
  EXPECT_NE(state->at("not").reason.value_or("").find("interrupted"), std::string::npos);
  EXPECT_EQ(state->at("again").attempts, 2);
  EXPECT_EQ(result.subtype, "error_task_failed");
  EXPECT_EQ(system_events("dag_start").at(0).at("resumed"), json::value(true));
}

TEST_F(ResumedDag, ACrashLeavesATaskWaitingThatNobodyWasAskedAbout) {
  tasks(R"([{"id":"a"},{"id":"b","retries":1}])");
  asks(0);
  ASSERT_TRUE(outcome().is_waiting);
  auto written = state->write();
  written.at("tasks").at(1).as_object()["state"] = "running";
  state = DagState::resume(team.tasks, written).value();
  request.beginning = Beginning::cut_off;

  EXPECT_TRUE(outcome().is_waiting);
  EXPECT_EQ(states(), "a=waiting b=completed");
  EXPECT_EQ(std::ranges::count(runner.started, "a"), 1);
}

TEST_F(ResumedDag, WhatWasApprovedBeforeACrashIsNotTakenUpAgain) {
  tasks(R"([{"id":"a"}])");
  asks(0);
  ASSERT_TRUE(outcome().is_waiting);
  read_back();
  state->forget_waiting();
  request.beginning = Beginning::cut_off;

  EXPECT_EQ(outcome().subtype, "error_task_failed");
  EXPECT_EQ(states(), "a=failed");
  EXPECT_EQ(shared.find("a"), nullptr);
}

// Both were decided on; the crash comes when the first has been taken up and the second has no place yet.
TEST_F(ResumedDag, WhatWasDecidedOnIsNotAskedAgainAlsoIfItHadNotGoneOnBeforeACrash) {
  tasks(R"([{"id":"a"},{"id":"b"}])", R"(,"max_parallel":1)");
  asks(0);
  asks(1);
  ASSERT_TRUE(outcome().is_waiting);
  approve_all();
  json::value first_write;
  save = [&]() -> Task<Result<void>> {
    first_write = state->write();
    co_return service_unavailable("the platform is killed here");
  };
  ASSERT_FALSE(result());
  state = DagState::resume(team.tasks, first_write).value();
  EXPECT_EQ(states(), "a=running b=running");
  save = nullptr;
  request.beginning = Beginning::cut_off;

  const auto after = outcome();

  EXPECT_FALSE(after.is_waiting);
  EXPECT_EQ(states(), "a=failed b=failed");
  EXPECT_TRUE(shared.entries().empty());
}

TEST_F(ResumedDag, WhatIsToldIsStoredAndEachChangeCostsOneWrite) {
  tasks(R"([{"id":"a"},{"id":"b","depends_on":["a"]}])");
  std::vector<std::string> saved;
  save = [&]() -> Task<Result<void>> {
    saved.push_back(states());
    co_return ok();
  };
  std::vector<std::string> told;
  EventSink look = [&](Event event) -> Task<Result<void>> {
    if (event.metadata.contains("task_id") && event.type == EventType::system)
      told.push_back(saved.empty() ? "" : saved.back());
    co_return ok();
  };

  ASSERT_TRUE(run(run_dag(team, request, runner, shared, *state, look, save)));

  EXPECT_EQ(saved, (std::vector<std::string>{"a=running b=pending", "a=completed b=running",
                                             "a=completed b=completed"}));
  EXPECT_EQ(told.front(), "a=running b=pending");
  EXPECT_EQ(told.back(), "a=completed b=completed");
}

TEST_F(ResumedDag, AStateThatCannotBeStoredEndsTheRunBeforeATaskBegins) {
  tasks(R"([{"id":"a"}])");
  save = []() -> Task<Result<void>> { co_return service_unavailable("the disk is full"); };

  const auto ended = result();

  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().kind(), ErrorKind::service_unavailable);
  EXPECT_TRUE(runner.started.empty());
}

TEST_F(ResumedDag, AStateOfOtherTasksOrWithoutTheTurnsThatWaitIsNotResumed) {
  tasks(R"([{"id":"a"}])");
  asks(0);
  ASSERT_TRUE(outcome().is_waiting);
  auto written = state->write();
  written.as_object()["waiting"] = json::array();
  EXPECT_FALSE(DagState::resume(team.tasks, written));
  const auto of_a = state->write();
  tasks(R"([{"id":"other"}])");
  EXPECT_FALSE(DagState::resume(team.tasks, of_a));
}

}  // namespace
}  // namespace isa::sdk::team
