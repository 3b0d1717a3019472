// Test support: a team whose members run in this process on a model that a test scripts, by the member's
// name.
#pragma once

#include "base/testing.h"
#include "sdk/team/shared_state.h"
#include "sdk/team/spec.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

namespace isa::sdk::team::testing {

// What the model says in one call: text in pieces, or a call of a tool.
struct Say {
  std::vector<std::string> pieces;
  std::string tool = {};
  std::string arguments = {};
  std::optional<Error> error = std::nullopt;
  bool hangs = false;
};

// Every model call of a member, in order; the last is repeated.
class ScriptedModel final : public ChatModel {
 public:
  std::map<std::string, std::deque<Say>> scripts;  // By the model's name, which is the member's.
  std::vector<ChatRequest> requests;
  std::int64_t running = 0, most_at_once = 0;

  Task<Result<ChatResult>> chat(ChatRequest request, ChatSink sink, Deadline deadline) override {
    const Count count{*this};
    requests.push_back(request);
    auto& script = scripts[request.model];
    auto say = script.empty() ? Say{{"ok"}} : script.front();
    if (script.size() > 1) script.pop_front();
    MessageBuilder builder;
    std::vector<ChatDelta> deltas;
    for (const auto& piece : say.pieces) deltas.push_back({.text = piece});
    if (!say.tool.empty()) {
      deltas.push_back({.kind = ChatDelta::Kind::tool_call, .id = "call_" + make_ulid(), .name = say.tool});
      deltas.push_back({.kind = ChatDelta::Kind::tool_arguments, .text = say.arguments});
    }
    for (const auto& delta : deltas) {
      builder.add(delta);
      co_await sleep_for(std::chrono::milliseconds(0));  // Others may go on meanwhile.
      ISA_CO_TRYV(co_await sink(delta));
    }
    if (say.hangs) {
      co_await sleep_until(deadline);
      co_return timeout("the model did not answer in time");
    }
    if (say.error) co_return Failure(*say.error);
    ChatResult result;
    result.message = std::move(builder).finish();
    result.finish_reason = say.tool.empty() ? FinishReason::stop : FinishReason::tool_calls;
    result.usage.input_tokens = 10;
    result.usage.output_tokens = 5;
    co_return result;
  }

 private:
  struct Count {
    ScriptedModel& model;
    explicit Count(ScriptedModel& of) : model(of) {
      model.most_at_once = std::max(model.most_at_once, ++model.running);
    }
    ~Count() { --model.running; }
  };
};

// Runs members with run_turn(); their remote tools stand in the ToolBox like any other, and wait where the
// agent's approvals name them.
class InProcessRunner final : public MemberRunner {
 public:
  explicit InProcessRunner(ChatModel& model) : model_(model) {}
  std::vector<std::string> started;            // Members, in the order of their turns.
  std::map<std::string, std::string> prompts;  // The last of each.
  std::vector<MemberTurn> turns;

  Task<Result<MemberAnswer>> run(std::string member, MemberTurn turn, EventSink sink) override {
    started.push_back(member);
    prompts[member] = turn.prompt;
    turns.push_back(turn);
    turn.agent.model = member;
    std::vector<std::shared_ptr<Tool>> available;
    for (auto& tool : turn.tools) {
      turn.agent.tools.push_back(tool.spec.name);
      available.push_back(std::make_shared<Remote>(tool));
    }
    ToolBox box(std::move(available), turn.agent.tools);
    MemberAnswer answer;
    EventSink keep = [&](Event event) -> Task<Result<void>> {
      if (!event.is_terminal()) co_return co_await sink(std::move(event));
      if (event.type == EventType::error)
        answer.error = Error(ErrorKind::upstream_error, event.content.value_or(""));
      answer.subtype =
          event.type == EventType::error ? "" : std::string(event.metadata.at("subtype").as_string());
      answer.text = event.content.value_or("");
      co_return ok();
    };
    TurnInput input{turn.history, turn.prompt};
    if (turn.resumed)
      input.resumption =
          Resumption{turn.resumed->new_messages, turn.resumed->answers, turn.resumed->progress};
    auto outcome = co_await run_turn(turn.agent, std::move(input), model_, box, keep);
    answer.usage = outcome.progress.usage;
    if (turn.resumed) {
      answer.usage.input_tokens -= turn.resumed->progress.usage.input_tokens;
      answer.usage.output_tokens -= turn.resumed->progress.usage.output_tokens;
    }
    if (!outcome.pending.empty())
      answer.waiting =
          WaitingTurn{std::move(outcome.new_messages), std::move(outcome.pending), outcome.progress};
    else
      answer.new_messages = std::move(outcome.new_messages);
    co_return answer;
  }

 private:
  class Remote final : public Tool {
   public:
    explicit Remote(RemoteTool tool) : tool_(std::move(tool)) {}
    const ToolSpec& spec() const override { return tool_.spec; }
    Task<ToolOutput> call(json::object arguments, ToolContext) override {
      auto answer = co_await tool_.call(std::move(arguments));
      co_return std::move(answer.output);
    }

   private:
    RemoteTool tool_;
  };
  ChatModel& model_;
};

// Somebody said yes to all that the turn waits for.
inline void approve(WaitingTurn& turn) {
  for (const auto& call : turn.pending) {
    auto& answer = turn.answers.emplace_back();
    answer.tool_use_id = call.tool_use_id;
    answer.run = true;
  }
}

inline TeamSpec team_of(std::string_view text) {
  const auto document = json::parse(text).value();
  return read_team(document.get_object()).value();
}

struct TeamTest : ::testing::Test {
  ScriptedModel model;
  InProcessRunner runner{model};
  SharedState shared;
  std::vector<Event> events;
  TeamRequest request{"find the answer", {}};

  EventSink sink() {
    return [this](Event event) -> Task<Result<void>> {
      events.push_back(std::move(event));
      co_return ok();
    };
  }
  // The text that was streamed.
  std::string shown() const {
    std::string text;
    for (const auto& event : events)
      if (event.type == EventType::text) text += event.content.value_or("");
    return text;
  }
  std::vector<json::object> system_events(std::string_view name) const {
    std::vector<json::object> found;
    for (const auto& event : events) {
      const auto* kind = event.metadata.if_contains("event");
      if (event.type == EventType::system && kind && *kind == json::value(name))
        found.push_back(event.metadata);
    }
    return found;
  }
};

}  // namespace isa::sdk::team::testing
