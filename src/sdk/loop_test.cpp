#include "sdk/loop_test_support.h"

namespace isa::sdk {
namespace {

using namespace testing;

TEST_F(Loop, APlainAnswerIsStreamedAndEndsInOneResult) {
  model.steps.push_back({{{.kind = ChatDelta::Kind::thinking, .text = "hm"},
                          {.kind = ChatDelta::Kind::text, .text = "Hel"},
                          {.kind = ChatDelta::Kind::text, .text = "lo"}}});

  const auto outcome = turn();

  EXPECT_EQ(kinds(), (Names{"system", "thinking", "text", "text", "result"}));
  EXPECT_EQ(events.front().metadata.at("event").as_string(), "context.complete");
  EXPECT_EQ(events.front().metadata.at("tools_count").to_number<int>(), 1);
  EXPECT_EQ(events.back().content, "Hello");
  EXPECT_EQ(subtype(), "success");
  EXPECT_EQ(events.back().metadata.at("num_turns").to_number<int>(), 1);
  EXPECT_EQ(outcome.progress.usage.input_tokens, 10);
  ASSERT_EQ(outcome.new_messages.size(), 2U);
  EXPECT_EQ(outcome.new_messages[0].text(), "hello");
  EXPECT_EQ(outcome.new_messages[1].text(), "Hello");
}

TEST_F(Loop, TheModelGetsTheSystemPromptTheHistoryAndTheTools) {
  model.says("ok");
  turn({Message::make(ChatRole::user, "before"), Message::make(ChatRole::assistant, "yes")});

  const auto& request = model.requests.at(0);
  ASSERT_EQ(request.messages.size(), 4U);
  EXPECT_EQ(request.messages[0].role, ChatRole::system);
  EXPECT_EQ(request.messages[1].text(), "before");
  EXPECT_EQ(request.messages[3].text(), "hello");
  EXPECT_EQ(request.tools.at(0).name, "echo");
  EXPECT_EQ(request.model, "m");
}

TEST_F(Loop, AToolsResultGoesBackToTheModel) {
  model.calls({{"echo", R"({"x":1})"}});
  model.says("done");

  const auto outcome = turn();

  EXPECT_EQ(kinds(), (Names{"system", "tool_use", "tool_result", "text", "result"}));
  EXPECT_EQ(json::serialize(events[1].metadata.at("args")), R"({"x":1})");
  EXPECT_EQ(events[1].metadata.at("tool_use_id"), events[2].metadata.at("tool_use_id"));
  EXPECT_EQ(events[2].content, R"({"x":1})");
  EXPECT_EQ(events[2].metadata.at("is_error"), false);
  EXPECT_EQ(model.requests.at(1).messages.back().parts.at(0).text, R"({"x":1})");
  EXPECT_EQ(outcome.progress.usage.output_tokens, 10);
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, AToolThatIsNotAllowedIsNotRunAndTheModelIsTold) {
  bool was_run = false;
  tools.push_back(std::make_shared<TestTool>("secret", false, [&](json::object) {
    was_run = true;
    return give("");
  }));
  model.calls({{"secret", "{}"}});
  model.says("sorry");

  turn();

  EXPECT_FALSE(was_run);
  EXPECT_EQ(events[2].metadata.at("is_error"), true);
  EXPECT_NE(events[2].content->find("'secret' is not available"), std::string::npos);
}

TEST_F(Loop, ArgumentsThatAreNoObjectAreAnErrorForTheModel) {
  model.calls({{"echo", "{\"x\":"}, {"echo", "[1]"}});
  model.says("sorry");

  const auto outcome = turn();

  EXPECT_EQ(events[2].metadata.at("is_error"), true);
  EXPECT_EQ(events[4].metadata.at("is_error"), true);
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, AToolThatThrowsIsAnErrorForTheModel) {
  tools = {std::make_shared<TestTool>("echo", true, [](json::object) -> Task<ToolOutput> {
    throw std::runtime_error("inner secret");
    co_return ToolOutput{};
  })};
  model.calls({{"echo", "{}"}, {"echo", "{}"}});
  model.says("sorry");

  turn();

  EXPECT_EQ(subtype(), "success");
  EXPECT_EQ(events[3].metadata.at("is_error"), true);
  EXPECT_EQ(events[3].content->find("secret"), std::string::npos);
}

TEST_F(Loop, AConfiguredToolThatIsNotHereIsSaid) {
  agent.tools = {"echo", "web_search"};
  model.says("ok");
  turn();
  EXPECT_EQ(json::serialize(events[0].metadata.at("unavailable_tools")), R"(["web_search"])");
}

// Two calls that wait for each other: only a parallel run ends.
struct Meeting {
  std::optional<asio::steady_timer> all_there;

  Task<ToolOutput> join() {
    if (all_there) {
      all_there->cancel();
    } else {
      all_there.emplace(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
      co_await all_there->async_wait(no_throw);
      all_there.reset();  // It must not outlive the event loop.
    }
    co_return ToolOutput{.text = "met"};
  }
};

TEST_F(Loop, ReadOnlyToolsOfOneTurnRunTogether) {
  Meeting meeting;
  tools = {std::make_shared<TestTool>("echo", true, [&](json::object) { return meeting.join(); })};
  model.calls({{"echo", R"({"a":1})"}, {"echo", R"({"a":2})"}});
  model.says("done");

  const auto outcome = turn();

  EXPECT_EQ(kinds(),
            (Names{"system", "tool_use", "tool_use", "tool_result", "tool_result", "text", "result"}));
  EXPECT_EQ(outcome.new_messages[2].parts[0].text, "met");
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, OtherToolsRunInOrder) {
  model.calls({{"echo", R"({"a":1})"}, {"echo", R"({"a":2})"}});
  model.says("done");
  turn();
  EXPECT_EQ(kinds(),
            (Names{"system", "tool_use", "tool_result", "tool_use", "tool_result", "text", "result"}));
}

TEST_F(Loop, TheSameCallForTheThirdTimeInARowIsNotRun) {
  for (int i = 0; i < 3; ++i) model.calls({{"echo", R"({"a":1})"}});
  model.says("done");

  turn();

  EXPECT_EQ(events[4].metadata.at("is_error"), false);
  EXPECT_EQ(events[6].metadata.at("is_error"), true);
  EXPECT_NE(events[6].content->find("3 times in a row"), std::string::npos);
}

TEST_F(Loop, LongArgumentsAndResultsAreShortenedInEventsOnly) {
  const std::string text = std::string(6000, 'x') + "\xE2\x82\xAC";
  model.calls({{"echo", json::serialize(json::object{{"content", text}})}});
  model.says("done");

  const auto outcome = turn();

  EXPECT_LT(events[1].metadata.at("args").at("content").as_string().size(), 1100U);
  EXPECT_LE(events[2].content->size(), 4096U);
  EXPECT_EQ(events[2].metadata.at("truncated"), true);
  EXPECT_GT(outcome.new_messages[2].parts[0].text.size(), 6000U);
}

TEST_F(Loop, TheTurnLimitEndsTheRun) {
  agent.limits.max_turns = 2;
  for (int i = 0; i < 2; ++i) model.calls({{"echo", json::serialize(json::object{{"i", i}})}});

  const auto outcome = turn();

  EXPECT_EQ(subtype(), "error_max_turns");
  EXPECT_EQ(model.requests.size(), 2U);
  EXPECT_EQ(terminal_events(), 1);
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, TheTokenLimitEndsTheRun) {
  agent.limits.max_tokens = 15;
  model.calls({{"echo", "{}"}});
  turn();
  EXPECT_EQ(subtype(), "error_budget");
  EXPECT_EQ(events.back().metadata.at("limit").as_string(), "max_tokens");
}

TEST_F(Loop, TheTimeLimitCutsOffAModelCall) {
  agent.limits.max_seconds = 1;
  model.steps.push_back({.deltas = {{.kind = ChatDelta::Kind::text, .text = "I am"}}, .hangs = true});

  const auto outcome = turn();

  EXPECT_EQ(subtype(), "error_budget");
  const auto& problem = events.back().metadata.at("problem").as_string();
  EXPECT_TRUE(problem.starts_with("limits.max_seconds is 1, and the run has worked for 1.")) << problem;
  EXPECT_EQ(events.back().content, "I am");
  EXPECT_EQ(outcome.new_messages.back().text(), "I am");
}

TEST_F(Loop, AFailedModelIsAnErrorEventWithItsCode) {
  model.steps.push_back(
      {.error = failed_dependency("no model; set model.default").with_code("model_not_configured")});

  const auto outcome = turn();

  EXPECT_EQ(kinds(), (Names{"system", "error"}));
  EXPECT_EQ(events.back().metadata.at("code").as_string(), "model_not_configured");
  EXPECT_EQ(events.back().metadata.at("retryable"), false);
  EXPECT_EQ(outcome.new_messages.size(), 1U);
}

TEST_F(Loop, AModelThatBreaksOffLeavesWhatItSaid) {
  model.steps.push_back(
      {.deltas = {{.kind = ChatDelta::Kind::text, .text = "half"}}, .error = upstream_error("broke off")});

  const auto outcome = turn();

  EXPECT_EQ(events.back().metadata.at("retryable"), true);
  EXPECT_EQ(outcome.new_messages.back().text(), "half");
}

TEST_F(Loop, CancellingDuringAToolReturnsTheHistoryInOrder) {
  tools = {std::make_shared<TestTool>("echo", false, [](json::object) { return hang(); })};
  model.calls({{"echo", R"({"a":1})"}, {"echo", R"({"a":2})"}});

  const auto outcome = cancelled_turn([&] { return events.size() == 2; });

  EXPECT_EQ(subtype(), "interrupted");
  EXPECT_EQ(terminal_events(), 1);
  ASSERT_EQ(outcome.new_messages.size(), 3U);
  EXPECT_EQ(outcome.new_messages[2].parts[1].text, "[interrupted]");
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, CancellingDuringParallelToolsWaitsForAllOfThem) {
  tools = {std::make_shared<TestTool>("echo", true, [](json::object) { return hang(); })};
  model.calls({{"echo", R"({"a":1})"}, {"echo", R"({"a":2})"}});

  const auto outcome = cancelled_turn([&] { return events.size() == 3; });

  EXPECT_EQ(subtype(), "interrupted");
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, CancellingDuringAModelCallKeepsWhatItSaid) {
  model.steps.push_back({.deltas = {{.kind = ChatDelta::Kind::text, .text = "I was"}}, .hangs = true});

  const auto outcome = cancelled_turn([&] { return events.size() == 2; });

  EXPECT_EQ(subtype(), "interrupted");
  EXPECT_EQ(outcome.new_messages.back().text(), "I was");
}

TEST_F(Loop, WhenNobodyListensAnyMoreTheRunEnds) {
  model.calls({{"echo", "{}"}});
  ToolBox box(tools, agent.tools);
  int sent = 0;
  const auto deaf = [](int& count) -> Task<Result<void>> {
    if (++count == 2) co_return cancelled("the reader has left");
    co_return ok();
  };
  EventSink sink = [&](Event) { return deaf(sent); };

  const auto outcome = ::isa::testing::run(run_turn(agent, TurnInput{{}, "hello"}, model, box, sink));

  EXPECT_EQ(sent, 2);
  expect_no_orphans(outcome.new_messages);
}

}  // namespace
}  // namespace isa::sdk
