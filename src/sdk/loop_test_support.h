// Test support: a turn of an agent whose model says what a script tells it to.
#pragma once

#include "base/deadline.h"
#include "base/task_group.h"
#include "base/testing.h"
#include "sdk/loop.h"

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <deque>
#include <utility>

namespace isa::sdk::testing {

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
  std::optional<Usd> cost;  // Of each call.

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
    result.usage.cost_usd = cost;
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
  Task<ToolOutput> call(json::object arguments, ToolContext) override { return body_(std::move(arguments)); }

 private:
  ToolSpec spec_;
  bool read_only_;
  Body body_;
};

inline Task<ToolOutput> give(std::string text) {
  co_return ToolOutput{.text = std::move(text)};
}

inline Task<ToolOutput> hang() {
  co_await sleep_until(Deadline::after(std::chrono::hours(1)));
  co_return ToolOutput{};
}

inline Task<Result<void>> append(std::vector<Event>& to, Event event) {
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
  std::optional<Resumption> resumption;  // Of the next turn.

  TurnOutcome turn(std::vector<Message> history = {}) {
    return ::isa::testing::run(task(std::move(history)));
  }

  Task<TurnOutcome> task(std::vector<Message> history = {}) {
    TurnInput input{std::move(history), "hello"};
    input.resumption = std::exchange(resumption, std::nullopt);
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
  TurnOutcome turn_with(TurnInput input) { return ::isa::testing::run(task_of(std::move(input))); }
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
    ::isa::testing::run(cancel_when(std::move(is_time), outcome));
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
inline void expect_no_orphans(const std::vector<Message>& messages) {
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

}  // namespace isa::sdk::testing
