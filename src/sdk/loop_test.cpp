#include "sdk/loop.h"

#include "base/deadline.h"
#include "base/task_group.h"
#include "base/testing.h"

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <deque>

namespace isa::sdk {
namespace {

// The model is the one part that a test stands in for: it says what the script tells it to.
class ScriptedModel final : public ChatModel {
 public:
  struct Step {
    std::vector<ChatDelta> deltas;
    FinishReason finish = FinishReason::stop;
    std::optional<Error> error = std::nullopt;
    bool hangs = false;  // After its deltas, until it is cancelled or the deadline passes.
  };
  std::deque<Step> steps;
  std::vector<ChatRequest> requests;

  void says(std::string text) {
    steps.push_back({{{.kind = ChatDelta::Kind::text, .text = std::move(text)}}});
  }
  void calls(const std::vector<std::pair<std::string, std::string>>& tools) {
    Step step{.finish = FinishReason::tool_calls};
    for (std::size_t i = 0; i < tools.size(); ++i) {
      const auto id = "call_" + std::to_string(requests.size() + steps.size()) + "_" + std::to_string(i);
      step.deltas.push_back(
          {.kind = ChatDelta::Kind::tool_call, .index = i, .id = id, .name = tools[i].first});
      step.deltas.push_back({.kind = ChatDelta::Kind::tool_arguments, .text = tools[i].second, .index = i});
    }
    steps.push_back(std::move(step));
  }

  Task<Result<ChatResult>> chat(ChatRequest request, ChatSink sink, Deadline deadline) override {
    requests.push_back(request);
    auto step = std::move(steps.front());
    steps.pop_front();
    MessageBuilder builder;
    for (const auto& delta : step.deltas) {
      builder.add(delta);
      ISA_CO_TRYV(co_await sink(delta));
    }
    if (step.hangs) {
      co_await sleep_until(deadline);
      co_return timeout("the model did not answer in time");
    }
    if (step.error) co_return *std::move(step.error);
    ChatResult result;
    result.message = std::move(builder).finish();
    result.finish_reason = step.finish;
    result.usage.input_tokens = 10;
    result.usage.output_tokens = 5;
    co_return result;
  }
};

class TestTool final : public Tool {
 public:
  using Body = std::function<Task<ToolOutput>(json::object)>;
  TestTool(std::string name, bool read_only, Body body)
      : spec_{std::move(name), "", {}}, read_only_(read_only), body_(std::move(body)) {}
  const ToolSpec& spec() const override { return spec_; }
  bool is_read_only() const override { return read_only_; }
  Task<ToolOutput> call(json::object arguments, Deadline) override { return body_(std::move(arguments)); }

 private:
  ToolSpec spec_;
  bool read_only_;
  Body body_;
};

Task<ToolOutput> give(std::string text) {
  co_return ToolOutput{.text = std::move(text)};
}

Task<ToolOutput> hang() {
  co_await sleep_until(Deadline::after(std::chrono::hours(1)));
  co_return ToolOutput{};
}

Task<Result<void>> append(std::vector<Event>& to, Event event) {
  to.push_back(std::move(event));
  co_return ok();
}

struct Loop : ::testing::Test {
  ScriptedModel model;
  AgentSpec agent{.name = "a", .model = "m", .system_prompt = "Be brief.", .tools = {"echo"}, .limits = {}};
  std::vector<std::shared_ptr<Tool>> tools = {std::make_shared<TestTool>(
      "echo", false, [](json::object arguments) { return give(json::serialize(arguments)); })};
  std::vector<Event> events;
  std::function<void(const Event&)> during_event;

  TurnOutcome turn(std::vector<Message> history = {}) { return isa::testing::run(task(std::move(history))); }

  Task<TurnOutcome> task(std::vector<Message> history = {}) {
    TurnInput input{std::move(history), "hello"};
    return task_of(std::move(input));
  }
  Task<TurnOutcome> task_of(TurnInput input) {
    ToolBox box(tools, agent.tools);
    EventSink sink = [this](Event event) {
      if (during_event) during_event(event);
      return append(events, std::move(event));
    };
    co_return co_await run_turn(agent, std::move(input), model, box, sink);
  }
  TurnOutcome turn_with(TurnInput input) { return isa::testing::run(task_of(std::move(input))); }
  // Goes on with a suspended turn; the answers are for its pending calls, in order.
  TurnOutcome resumed(TurnOutcome from, std::vector<CallAnswer> answers) {
    EXPECT_EQ(answers.size(), from.pending.size());
    for (std::size_t i = 0; i < answers.size(); ++i) answers[i].tool_use_id = from.pending.at(i).tool_use_id;
    TurnInput input;
    input.resumption = Resumption{std::move(from.new_messages), std::move(answers), from.progress};
    return turn_with(std::move(input));
  }

  // Starts a turn, cancels it as soon as `is_time` holds, and returns what the turn then returned.
  TurnOutcome cancelled_turn(std::function<bool()> is_time) {
    std::optional<TurnOutcome> outcome;
    isa::testing::run(cancel_when(std::move(is_time), outcome));
    return outcome.value();
  }
  Task<void> keep(std::optional<TurnOutcome>& to) { to = co_await task(); }
  Task<void> cancel_when(std::function<bool()> is_time, std::optional<TurnOutcome>& outcome) {
    TaskGroup group(co_await asio::this_coro::executor);
    group.spawn("turn", keep(outcome));
    while (!is_time()) co_await sleep_for(std::chrono::milliseconds(1));
    co_await group.stop();
  }

  std::vector<std::string> kinds() const {
    std::vector<std::string> names;
    for (const auto& event : events) names.emplace_back(json::name_of(event.type));
    return names;
  }
  std::string subtype() const { return std::string(events.back().metadata.at("subtype").as_string()); }
  int terminal_events() const {
    return static_cast<int>(std::ranges::count_if(events, [](const Event& e) { return e.is_terminal(); }));
  }
};

// Every call has its result, in the message that follows it.
void expect_no_orphans(const std::vector<Message>& messages) {
  for (std::size_t i = 0; i < messages.size(); ++i) {
    const auto calls = messages[i].tool_calls();
    if (calls.empty()) continue;
    ASSERT_LT(i + 1, messages.size());
    ASSERT_EQ(messages[i + 1].role, ChatRole::tool);
    ASSERT_EQ(messages[i + 1].parts.size(), calls.size());
    for (std::size_t j = 0; j < calls.size(); ++j) EXPECT_EQ(messages[i + 1].parts[j].id, calls[j].id);
  }
}

using Names = std::vector<std::string>;

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

TEST_F(Loop, CallsThatAreRepeatedAllTheSameEndTheRun) {
  for (int i = 0; i < 20; ++i) model.calls({{"echo", R"({"a":1})"}, {"echo", R"({"a":2})"}});

  const auto outcome = turn();

  EXPECT_EQ(subtype(), "error_tool");
  EXPECT_EQ(events.back().metadata.at("limit").as_string(), "repeated_calls");
  EXPECT_EQ(model.requests.size(), 7U);
  EXPECT_EQ(terminal_events(), 1);
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, ACallThatNeedsApprovalSuspendsTheTurnAndWhatStandsBeforeItRuns) {
  agent.approvals = {"echo(*danger*)"};
  model.calls({{"echo", R"({"command":"safe"})"},
               {"echo", R"({"command":"danger"})"},
               {"echo", R"({"command":"after"})"}});

  const auto outcome = turn();

  EXPECT_EQ(kinds(), (Names{"system", "tool_use", "tool_result", "tool_use", "tool_use"}));
  EXPECT_EQ(terminal_events(), 0);
  ASSERT_EQ(outcome.pending.size(), 2U);
  EXPECT_EQ(outcome.pending[0].reason, PendingReason::approval);
  EXPECT_EQ(outcome.pending[0].args.at("command").as_string(), "danger");
  EXPECT_EQ(outcome.pending[1].reason, PendingReason::deferred);
  EXPECT_EQ(outcome.progress.num_turns, 1);
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, ASuspendedTurnGoesOnAtTheVeryCallThatWaited) {
  agent.approvals = {"echo(*danger*)"};
  model.calls({{"echo", R"({"command":"danger"})"},
               {"echo", R"({"command":"danger2"})"},
               {"echo", R"({"command":"after"})"}});
  auto first = turn();
  events.clear();
  model.says("done");

  const auto outcome = resumed(std::move(first), {{.run = true, .args = json::object{{"command", "tamed"}}},
                                                  {.text = "A person said no.", .is_error = true},
                                                  {.run = true}});

  EXPECT_EQ(kinds(), (Names{"tool_result", "tool_result", "tool_result", "text", "result"}));
  EXPECT_EQ(events[0].content, R"({"command":"tamed"})");
  EXPECT_EQ(events[1].content, "A person said no.");
  EXPECT_EQ(events[2].content, R"({"command":"after"})");
  EXPECT_EQ(events.back().metadata.at("num_turns"), 2);
  EXPECT_EQ(outcome.progress.usage.input_tokens, 20);
  EXPECT_EQ(outcome.new_messages.front().text(), "hello");
  EXPECT_TRUE(outcome.pending.empty());
  expect_no_orphans(outcome.new_messages);
}

TEST_F(Loop, LimitsCountOverAllPartsOfATurn) {
  agent.approvals = {"echo"};
  agent.limits.max_turns = 1;
  model.calls({{"echo", "{}"}});
  auto first = turn();
  events.clear();

  resumed(std::move(first), {{.run = true}});

  EXPECT_EQ(subtype(), "error_max_turns");
  EXPECT_EQ(model.requests.size(), 1U);
}

TEST_F(Loop, AnAllowedPatternIsNotAskedAbout) {
  agent.approvals = {"echo"};
  agent.always_allowed = {"echo(git *)"};
  model.calls({{"echo", R"({"command":"git log"})"}});
  model.says("done");
  const auto outcome = turn();
  EXPECT_TRUE(outcome.pending.empty());
  EXPECT_EQ(subtype(), "success");
}

TEST_F(Loop, AToolOfThePlatformIsShownAndSuspendsTheTurn) {
  agent.platform_tools = {{"ask_human", "Asks.", {{"type", "object"}}}};
  model.calls({{"ask_human", R"({"question":"why?"})"}});

  const auto outcome = turn();

  EXPECT_EQ(model.requests.at(0).tools.at(1).name, "ask_human");
  ASSERT_EQ(outcome.pending.size(), 1U);
  EXPECT_EQ(outcome.pending[0].reason, PendingReason::platform_tool);
}

TEST_F(Loop, ACallThatFailsAnywayIsAskedOfNobody) {
  agent.approvals = {"*"};
  agent.platform_tools = {{"ask_human", "", {}}};
  model.calls({{"echo", "{bad"}, {"unknown", "{}"}, {"ask_human", "[1]"}});
  model.says("sorry");
  const auto outcome = turn();
  EXPECT_TRUE(outcome.pending.empty());
  EXPECT_EQ(subtype(), "success");
}

TEST_F(Loop, AConversationThatIsTooLongIsSummarisedAndLosesNothing) {
  agent.limits.context_tokens = 500;
  model.says("They chose blue.");  // The summary.
  model.says("done");
  std::vector<Message> history;
  for (int i = 0; i < 10; ++i) {
    history.push_back(Message::make(ChatRole::user, std::string(200, 'q')));
    history.push_back(Message::make(ChatRole::assistant, std::string(200, 'a')));
  }

  const auto outcome = turn(history);

  EXPECT_EQ(events[1].metadata.at("event").as_string(), "context.trimmed");
  EXPECT_EQ(events[1].metadata.at("is_summarised"), true);
  const auto& shown_messages = model.requests.at(1).messages;
  EXPECT_LT(shown_messages.size(), 8U);
  EXPECT_NE(shown_messages[1].text().find("They chose blue."), std::string::npos);
  EXPECT_EQ(shown_messages.back().text(), "hello");
  ASSERT_EQ(outcome.new_messages.size(), 3U);  // The user's words, the summary, the answer.
  EXPECT_TRUE(outcome.new_messages[1].summarises);

  // The next turn of the session needs no new summary.
  for (const auto& message : outcome.new_messages) history.push_back(message);
  events.clear();
  model.says("again");
  turn(history);
  EXPECT_EQ(model.requests.size(), 3U);
  EXPECT_NE(model.requests.at(2).messages[1].text().find("They chose blue."), std::string::npos);
}

TEST_F(Loop, AModelThatCannotSummariseCostsTheBeginningOnly) {
  agent.limits.context_tokens = 300;
  model.steps.push_back({.error = upstream_error("overloaded")});
  model.says("done");
  std::vector<Message> history(20, Message::make(ChatRole::user, std::string(200, 'q')));

  turn(history);

  EXPECT_EQ(subtype(), "success");
  EXPECT_EQ(events[1].metadata.at("is_summarised"), false);
  EXPECT_NE(model.requests.at(1).messages[1].text().find("left out"), std::string::npos);
}

TEST_F(Loop, WhatTheUserSaysMeanwhileIsHeardBeforeTheNextModelCall) {
  auto steering = std::make_shared<Steering>();
  tools = {std::make_shared<TestTool>("echo", false, [&](json::object) {
    EXPECT_TRUE(steering->offer("use blue"));
    return give("ok");
  })};
  model.calls({{"echo", "{}"}});
  model.says("blue it is");

  turn_with({.history = {}, .message = "hello", .steering = steering});

  EXPECT_EQ(kinds(), (Names{"system", "tool_use", "tool_result", "system", "text", "result"}));
  EXPECT_EQ(events[3].metadata.at("event").as_string(), "steered");
  EXPECT_EQ(model.requests.at(1).messages.back().text(), "use blue");
  EXPECT_FALSE(steering->offer("too late"));
}

TEST_F(Loop, WhatTheUserSaysDuringTheLastAnswerIsAnsweredToo) {
  auto steering = std::make_shared<Steering>();
  model.says("first");
  model.says("second");
  during_event = [&](const Event& event) {
    if (event.content == "first") steering->offer("and now?");
  };

  const auto outcome = turn_with({.history = {}, .message = "hello", .steering = steering});

  EXPECT_EQ(events.back().content, "second");
  EXPECT_EQ(outcome.new_messages.size(), 4U);
  EXPECT_EQ(terminal_events(), 1);
}

TEST_F(Loop, AnAnswerThatDoesNotFitItsSchemaIsAskedForAgain) {
  agent.output_schema = json::parse(R"({"type":"object","required":["n"]})").value().get_object();
  model.says("seven");
  model.says(R"({"n":7})");

  turn();

  EXPECT_EQ(subtype(), "success");
  EXPECT_EQ(events.back().metadata.at("structured_output").at("n"), 7);
  EXPECT_NE(model.requests.at(0).messages[0].text().find("JSON Schema"), std::string::npos);
  EXPECT_EQ(model.requests.at(1).messages.back().role, ChatRole::user);
}

TEST_F(Loop, AModelThatNeverFitsTheSchemaFailsWithinItsLimit) {
  agent.output_schema = json::parse(R"({"type":"object"})").value().get_object();
  for (int i = 0; i < 5; ++i) model.says("no");
  turn();
  EXPECT_EQ(subtype(), "error_model");
  EXPECT_NE(events.back().metadata.at("problem").as_string().find("not JSON"), std::string::npos);
  EXPECT_EQ(model.requests.size(), 3U);
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

  const auto outcome = isa::testing::run(run_turn(agent, TurnInput{{}, "hello"}, model, box, sink));

  EXPECT_EQ(sent, 2);
  expect_no_orphans(outcome.new_messages);
}

}  // namespace
}  // namespace isa::sdk
