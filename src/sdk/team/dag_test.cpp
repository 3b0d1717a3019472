#include "base/task_group.h"
#include "sdk/team/test_dag.h"

namespace isa::sdk::team {
namespace {

using isa::testing::run;
using testing::Say;
using Dag = testing::DagTest;

Say fails(std::string why) {
  return {.pieces = {}, .error = upstream_error("{}", why)};
}

TEST_F(Dag, EveryTaskGetsTheUsersMessageItsDescriptionAndTheResultsItDependsOn) {
  tasks(R"([{"id":"a","title":"First","description":"look it up"},{"id":"b","depends_on":["a"]}])");
  model.scripts["a"] = {Say{{"the ", "facts"}}};
  model.scripts["b"] = {Say{{"the answer"}}};

  const auto result = outcome();

  EXPECT_EQ(result.subtype, "success");
  EXPECT_EQ(result.text, "the answer");
  EXPECT_NE(runner.prompts["a"].find("find the answer"), std::string::npos);
  EXPECT_NE(runner.prompts["a"].find("look it up"), std::string::npos);
  EXPECT_NE(runner.prompts["b"].find("find the answer"), std::string::npos);
  EXPECT_NE(runner.prompts["b"].find("the facts"), std::string::npos);
  EXPECT_EQ(result.agent_outputs.at("a:a"), "the facts");
  EXPECT_EQ(result.final_agent, "b");
  EXPECT_EQ(result.usage.input_tokens, 20);
}

TEST_F(Dag, SkippedTasksNeverRunAndSayWhichTaskFailed) {
  tasks(R"([{"id":"a"},{"id":"b","depends_on":["a"]},{"id":"c","depends_on":["b"]},{"id":"d"}])");
  model.scripts["a"] = {fails("no luck")};

  const auto result = outcome();

  EXPECT_EQ(states(), "a=failed b=skipped c=skipped d=completed");
  EXPECT_EQ(std::set<std::string>(runner.started.begin(), runner.started.end()),
            (std::set<std::string>{"a", "d"}));
  for (const auto* id : {"b", "c"})
    EXPECT_NE(state->at(id).reason.value_or("").find("'a' failed"), std::string::npos) << id;
  EXPECT_NE(state->at("a").reason.value_or("").find("no luck"), std::string::npos);
  EXPECT_EQ(result.subtype, "error_task_failed");
  EXPECT_EQ(result.tasks.size(), 4U);
}

TEST_F(Dag, AFailedSinkIsReportedNotSwallowed) {
  tasks(R"([{"id":"a"},{"id":"b","depends_on":["a"]}])");
  model.scripts["b"] = {fails("the model is down")};

  const auto result = outcome();

  EXPECT_EQ(result.subtype, "error_task_failed");
  EXPECT_NE(result.text.find("b"), std::string::npos);
  EXPECT_NE(result.text.find("the model is down"), std::string::npos);
  EXPECT_EQ(result.agent_outputs.at("a:a"), "ok");
}

TEST_F(Dag, ATurnThatStoppedAtALimitIsNoCompletedTask) {
  tasks(R"([{"id":"a"}])");
  team.members[0].agent.limits.max_turns = 1;
  model.scripts["a"] = {Say{.pieces = {"let me see"}, .tool = "shared_state_list", .arguments = "{}"}};

  const auto result = outcome();

  EXPECT_EQ(states(), "a=failed");
  EXPECT_NE(state->at("a").reason.value_or("").find("error_max_turns"), std::string::npos);
  EXPECT_EQ(result.subtype, "error_task_failed");
}

TEST_F(Dag, ATaskStartsWhenItsOwnDependenciesAreDoneNotWhenALevelIs) {
  tasks(R"([{"id":"slow"},{"id":"fast"},{"id":"next","depends_on":["fast"]}])");
  model.scripts["slow"] = {Say{std::vector<std::string>(200, "x")}};

  outcome();

  const auto list = changes();
  const auto place = [&](const char* change) { return std::ranges::find(list, change) - list.begin(); };
  EXPECT_LT(place("next:completed"), place("slow:completed"));
}

TEST_F(Dag, NoMoreThanMaxParallelTasksRunAtOnce) {
  std::string list;
  for (int i = 0; i < 12; ++i) list += fmt::format(R"({}{{"id":"t{}"}})", i ? "," : "", i);
  tasks("[" + list + "]", R"(,"max_parallel":3)");
  for (int i = 0; i < 12; ++i) model.scripts["t" + std::to_string(i)] = {Say{{"a", "b", "c"}}};

  EXPECT_EQ(outcome().subtype, "success");
  EXPECT_EQ(model.most_at_once, 3);
}

TEST_F(Dag, SequentialTasksRunOneAfterTheOther) {
  tasks(R"([{"id":"a"},{"id":"b"},{"id":"c"}])", R"(,"execution_mode":"sequential")");
  for (const auto* name : {"a", "b", "c"}) model.scripts[name] = {Say{{"1", "2", "3"}}};

  outcome();

  EXPECT_EQ(model.most_at_once, 1);
  EXPECT_EQ(runner.started, (std::vector<std::string>{"a", "b", "c"}));
}

TEST_F(Dag, AFailedAttemptIsTriedAgainAsOftenAsTheTaskSays) {
  tasks(R"([{"id":"a","retries":2},{"id":"b","retries":1}])");
  model.scripts["a"] = {fails("once"), fails("twice"), Say{{"third"}}};
  model.scripts["b"] = {fails("once"), fails("twice"), Say{{"never asked"}}};

  const auto result = outcome();

  EXPECT_EQ(states(), "a=completed b=failed");
  EXPECT_EQ(state->at("a").attempts, 3);
  EXPECT_EQ(state->at("a").reason, std::nullopt);
  EXPECT_EQ(state->at("b").attempts, 2);
  EXPECT_EQ(result.agent_outputs.at("a:a"), "third");
}

TEST_F(Dag, ATaskThatTakesTooLongFailsAndTheRestGoesOn) {
  tasks(R"([{"id":"a","timeout_s":1},{"id":"b"}])");
  model.scripts["a"] = {Say{.pieces = {}, .hangs = true}};

  outcome();

  EXPECT_EQ(states(), "a=failed b=completed");
  EXPECT_NE(state->at("a").reason.value_or("").find("1 s"), std::string::npos);
}

TEST_F(Dag, CancellingItLeavesNoTaskUnderWay) {
  tasks(R"([{"id":"a"},{"id":"b","depends_on":["a"]}])");
  model.scripts["a"] = {Say{.pieces = {}, .hangs = true}};
  const auto whole = [this]() -> Task<void> {
    std::ignore = co_await run_dag(team, request, runner, shared, *state, sink());
  };
  const auto cancel = [&]() -> Task<void> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("dag", whole());
    while (model.running == 0) co_await sleep_for(std::chrono::milliseconds(1));
    co_await group.stop();
  };

  run(cancel());

  EXPECT_EQ(states(), "a=cancelled b=cancelled");
  EXPECT_EQ(model.running, 0);
}

TEST_F(Dag, AListenerThatIsGoneEndsTheRun) {
  tasks(R"([{"id":"a"},{"id":"b","depends_on":["a"]}])");
  EventSink deaf = [this](Event event) -> Task<Result<void>> {
    if (event.type == EventType::text) co_return cancelled("nobody listens");
    events.push_back(std::move(event));
    co_return ok();
  };

  const auto result = run(run_dag(team, request, runner, shared, *state, deaf));

  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().kind(), ErrorKind::cancelled);
  EXPECT_EQ(states(), "a=cancelled b=cancelled");
}

TEST_F(Dag, AListenerThatIsGoneAsTheRunIsCancelledLeavesNoTaskUnderWay) {
  tasks(R"([{"id":"a"},{"id":"b"}])");
  model.scripts["a"] = {Say{{"text"}}};
  model.scripts["b"] = {Say{.pieces = {}, .hangs = true}};
  const auto cancellation = std::make_shared<asio::cancellation_signal>();
  EventSink deaf = [&](Event event) -> Task<Result<void>> {
    if (event.type != EventType::text) co_return ok();
    cancellation->emit(asio::cancellation_type::terminal);
    co_return cancelled("nobody listens");
  };
  const auto whole = [&]() -> Task<void> {
    std::ignore = co_await run_dag(team, request, runner, shared, *state, deaf);
  };
  const auto cancel = [&]() -> Task<void> {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("dag", whole(), cancellation);
    co_await group.join();
  };

  run(cancel());  // A task that still ran would end the program.

  EXPECT_EQ(states(), "a=cancelled b=cancelled");
  EXPECT_EQ(model.running, 0);
}

TEST_F(Dag, AStepThatTheTableDoesNotAllowIsABug) {
  tasks(R"([{"id":"a"}])");
  auto& task = state->at("a");
  EXPECT_THROW(state->step(task, TaskState::completed), std::logic_error);
  state->step(task, TaskState::skipped);
  EXPECT_THROW(state->step(task, TaskState::running), std::logic_error);  // Skipped is for good.
}

TEST_F(Dag, LongResultsAreCutWithAVisibleMark) {
  tasks(R"([{"id":"a"},{"id":"b","depends_on":["a"]}])");
  model.scripts["a"] = {Say{{std::string(40'000, 'x')}}};

  const auto result = outcome();

  EXPECT_NE(state->at("a").output.find("bytes truncated...]"), std::string::npos);
  EXPECT_LT(state->at("a").output.size(), kOutputMax + 100);
  EXPECT_NE(runner.prompts["b"].find("bytes truncated...]"), std::string::npos);
  EXPECT_LT(runner.prompts["b"].size(), kReportedOutputMax + 1'000);
  const auto details = details_of(result);
  EXPECT_LT(details.at("agent_outputs").at("a:a").as_string().size(), kReportedOutputMax + 100);
}

TEST_F(Dag, ATaskMayUseFewerToolsThanItsAgent) {
  tasks(R"([{"id":"a","tools":["read_file"]}])");
  outcome();
  EXPECT_EQ(runner.turns.at(0).agent.tools, std::vector<std::string>{"read_file"});
}

TEST_F(Dag, EventsSayWhoseTheyAre) {
  tasks(R"([{"id":"a"},{"id":"b"}])");
  outcome();
  for (const auto& event : events) {
    EXPECT_TRUE(event.metadata.contains("agent")) << json::serialize(event.metadata);
    if (event.type == EventType::text) EXPECT_TRUE(event.metadata.contains("task_id"));
  }
  ASSERT_EQ(system_events("dag_start").size(), 1U);
  EXPECT_EQ(system_events("dag_start").at(0).at("agent"), json::value("a"));
  EXPECT_FALSE(std::ranges::any_of(events, [](const Event& event) { return event.is_terminal(); }));
}

TEST_F(Dag, ATaskWithoutToolsAsksTheModelLikeAnyOther) {
  tasks(R"([{"id":"a"}])");
  team.members[0].agent.tools.clear();
  model.scripts["a"] = {Say{{"thought of it"}}};
  EXPECT_EQ(outcome().text, "thought of it");
  EXPECT_EQ(model.requests.size(), 1U);
}

TEST_F(Dag, AsManyTasksAsThereMayBeEndInOrder) {
  std::string list;
  for (int i = 0; i < 100; ++i)
    list += fmt::format(R"({}{{"id":"t{}","agent":"t{}"{}}})", i ? "," : "", i, i % 20,
                        i ? fmt::format(R"(,"depends_on":["t{}"])", i - 1) : "");
  std::string agents;
  for (int i = 0; i < 20; ++i) agents += fmt::format(R"({}{{"name":"t{}"}})", i ? "," : "", i);
  team = testing::team_of(fmt::format(R"({{"agents":[{}],"tasks":[{}]}})", agents, list));
  state.emplace(team.tasks);
  model.scripts["t0"] = {fails("at the very beginning")};

  EXPECT_EQ(outcome().subtype, "error_task_failed");
  EXPECT_EQ(runner.started.size(), 1U);
  EXPECT_EQ(state->at("t99").state, TaskState::skipped);
}

TEST_F(Dag, TasksShareAState) {
  tasks(R"([{"id":"a"},{"id":"b","depends_on":["a"]}])");
  model.scripts["a"] = {
      Say{.pieces = {}, .tool = "shared_state_set", .arguments = R"({"key":"k","value":7})"}, Say{{"kept"}}};
  EXPECT_EQ(outcome().shared_state.at("k"), json::value(7));
}

}  // namespace
}  // namespace isa::sdk::team
