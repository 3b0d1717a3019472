// Turns that are suspended, steered, trimmed, or must fit a schema.
#include "sdk/loop_test_support.h"

namespace isa::sdk {
namespace {

using namespace testing;

TEST_F(Loop, CallsThatAreRepeatedAllTheSameEndTheRun) {
  for (int i = 0; i < 20; ++i) model.calls({{"echo", R"({"a":1})"}, {"echo", R"({"a":2})"}});

  const auto outcome = turn();

  EXPECT_EQ(subtype(), "error_tool");
  EXPECT_EQ(events.back().metadata.at("limit").as_string(), "repeated_calls");
  EXPECT_EQ(model.requests.size(), 7U);
  EXPECT_EQ(terminal_events(), 1);
  expect_no_orphans(outcome.new_messages);
}

class Polled final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }
  bool is_polled() const override { return true; }
  Task<ToolOutput> call(json::object, ToolContext) override { return give("news"); }

 private:
  ToolSpec spec_{"news", "", {}};
};

TEST_F(Loop, ToAskAToolForNewsAgainAndAgainIsNoCircle) {
  tools.push_back(std::make_shared<Polled>());
  agent.tools.emplace_back("news");
  for (int i = 0; i < 10; ++i) model.calls({{"news", "{}"}});
  model.says("done");

  turn();

  EXPECT_EQ(subtype(), "success");
  EXPECT_EQ(std::ranges::count(events, "news", &Event::content), 10);
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
  const auto& results = outcome.new_messages.back().parts;
  ASSERT_EQ(results.size(), 3U);
  EXPECT_EQ(results[0].text, R"({"command":"safe"})");
  for (const auto at : {1, 2}) EXPECT_TRUE(results[at].text.starts_with("[not run")) << results[at].text;
}

TEST_F(Loop, OfCallsThatWaitedOnlyTheOneThatWasBegunIsInterrupted) {
  int begun = 0;
  tools = {std::make_shared<TestTool>("echo", false, [&](json::object) { return ++begun, hang(); })};
  agent.approvals = {"echo"};
  model.calls({{"echo", R"({"a":1})"}, {"echo", R"({"a":2})"}});
  auto first = turn();
  ASSERT_EQ(first.pending.size(), 2U);
  resumption = Resumption{std::move(first.new_messages),
                          {{.tool_use_id = first.pending[0].tool_use_id, .run = true},
                           {.tool_use_id = first.pending[1].tool_use_id, .run = true}},
                          first.progress};

  const auto outcome = cancelled_turn([&] { return begun == 1; });

  const auto& results = outcome.new_messages.back().parts;
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].text, "[interrupted]");
  EXPECT_TRUE(results[1].text.starts_with("[not run")) << results[1].text;
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

// Two calls of one answer, as a server sends them that numbers none.
ScriptedModel::Step two_calls_of_one_id() {
  ScriptedModel::Step step{.finish = FinishReason::tool_calls};
  for (std::size_t i = 0; i < 2; ++i) {
    const auto arguments = fmt::format(R"({{"command":"{}"}})", i == 0 ? "first" : "second");
    step.deltas.push_back({.kind = ChatDelta::Kind::tool_call, .index = i, .id = "call_0", .name = "echo"});
    step.deltas.push_back({.kind = ChatDelta::Kind::tool_arguments, .text = arguments, .index = i});
  }
  return step;
}

TEST_F(Loop, OfTwoCallsWithOneIdTheDeniedOneDoesNotRun) {
  agent.approvals = {"echo"};
  model.steps.push_back(two_calls_of_one_id());
  auto first = turn();
  ASSERT_EQ(first.pending.size(), 2U);
  EXPECT_EQ(first.pending[0].tool_use_id, "call_0");
  EXPECT_NE(first.pending[1].tool_use_id, "call_0");
  events.clear();
  model.says("done");

  const auto outcome =
      resumed(std::move(first), {{.text = "A person said no.", .is_error = true}, {.run = true}});

  EXPECT_EQ(kinds(), (Names{"tool_result", "tool_result", "text", "result"}));
  EXPECT_EQ(events[0].content, "A person said no.");
  EXPECT_EQ(events[1].content, R"({"command":"second"})");
  expect_no_orphans(outcome.new_messages);
}

// Suspended by a version that did not tell them apart.
TEST_F(Loop, AnOlderTurnWithTwoCallsOfOneIdGoesOnWithTheAnswerOfEach) {
  agent.approvals = {"echo"};
  model.steps.push_back(two_calls_of_one_id());
  auto first = turn();
  for (auto& message : first.new_messages)
    for (auto& part : message.parts)
      if (!part.id.empty()) part.id = "call_0";
  for (auto& call : first.pending) call.tool_use_id = "call_0";
  events.clear();
  model.says("done");

  resumed(std::move(first), {{.text = "A person said no.", .is_error = true}, {.run = true}});

  EXPECT_EQ(events[0].content, "A person said no.");
  EXPECT_EQ(events[1].content, R"({"command":"second"})");
}

TEST_F(Loop, WhatWasSaidWhileATurnWasSuspendedIsHeardFirst) {
  agent.approvals = {"echo"};
  model.calls({{"echo", "{}"}});
  TurnInput input{{}, "hello"};
  input.steering = std::make_shared<Steering>();
  during_event = [steering = input.steering](const Event& event) {
    if (event.type == EventType::tool_use) EXPECT_TRUE(steering->offer("be quick"));
  };

  auto first = turn_with(std::move(input));

  EXPECT_EQ(first.progress.unheard, std::vector<std::string>{"be quick"});
  during_event = nullptr;
  model.says("done");
  const auto outcome = resumed(std::move(first), {{.run = true}});
  EXPECT_EQ(model.requests.back().messages.back().text(), "be quick");
  EXPECT_TRUE(outcome.progress.unheard.empty());
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

class Previewed final : public Tool {
 public:
  const ToolSpec& spec() const override { return spec_; }
  Task<Result<std::string>> preview(json::object arguments) override {
    if (arguments.empty()) co_return validation_error("/x: is missing");
    co_return "what it will do";
  }
  Task<ToolOutput> call(json::object, ToolContext) override { return give("done"); }

 private:
  ToolSpec spec_{"shown", "", {}};
};

TEST_F(Loop, WhoDecidesSeesWhatACallWillDoAndNeverOneThatCanOnlyFail) {
  tools.push_back(std::make_shared<Previewed>());
  agent.tools.emplace_back("shown");
  agent.approvals = {"shown"};
  model.calls({{"shown", "{}"}, {"echo", "{}"}, {"shown", R"({"x":1})"}, {"echo", "{}"}});

  const auto outcome = turn();

  EXPECT_EQ(kinds(),
            (Names{"system", "tool_use", "tool_result", "tool_use", "tool_result", "tool_use", "tool_use"}));
  EXPECT_EQ(events[2].content, "/x: is missing");
  EXPECT_TRUE(events[2].metadata.at("is_error").as_bool());
  ASSERT_EQ(outcome.pending.size(), 2U);
  EXPECT_EQ(outcome.pending[0].preview, "what it will do");
  EXPECT_EQ(outcome.pending[1].reason, PendingReason::deferred);
}

TEST_F(Loop, WhatAPersonSaysToACallThatRunsStandsBeforeItsResult) {
  agent.approvals = {"echo"};
  model.calls({{"echo", "{}"}});
  auto first = turn();
  model.says("done");

  resumed(std::move(first), {{.run = true, .text = "[They wrote: be careful]"}});

  EXPECT_EQ(model.requests.back().messages.back().parts.at(0).text, "[They wrote: be careful]\n{}");
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
  for (const auto& request : model.requests)
    EXPECT_EQ(request.response_format.value().at("json_schema").at("schema"),
              json::value(*agent.output_schema));
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

}  // namespace
}  // namespace isa::sdk
