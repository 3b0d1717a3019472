// The agent loop: a streamed model call, its tool calls, again, until the model stops or a limit is met.
#pragma once

#include "sdk/chat_model.h"
#include "sdk/event.h"
#include "sdk/skills/skill_summary.h"
#include "sdk/tool.h"

#include <functional>
#include <string>
#include <vector>

namespace isa::sdk {

// Checked before each model call.
struct LoopLimits {
  using json_defaults = void;
  std::int64_t max_turns = 50;             // Model calls.
  std::int64_t max_seconds = 600;          // Also cuts off a model call or a tool that is under way.
  std::optional<std::int64_t> max_tokens;  // Input and output of the whole run.
};
BOOST_DESCRIBE_STRUCT(LoopLimits, (), (max_turns, max_seconds, max_tokens))

// What the loop needs to know of an agent; a cut of its config that holds no id of anybody.
struct AgentSpec {
  using json_defaults = void;
  std::string name;
  std::string model;
  std::string system_prompt;
  std::vector<std::string> tools;
  LoopLimits limits;
  // Not the loop's: whoever runs it tells the model of them (sdk/skills/) and lets it use them.
  std::vector<SkillSummary> skills;
};
BOOST_DESCRIBE_STRUCT(AgentSpec, (), (name, model, system_prompt, tools, limits, skills))

// Gets the events in order, one at a time. An error (nobody listens any more) ends the run.
using EventSink = std::function<Task<Result<void>>(Event)>;

struct TurnOutcome {
  // What the turn adds to the history: the user's message, the model's, the tools' results. Every tool_call
  // has its tool_result ("[interrupted]" where the tool did not end), also when the run was cut off.
  std::vector<Message> new_messages;
  Usage usage;
};

// Emits system {event: context.complete}, then thinking, text, tool_use and tool_result as they happen, then
// exactly one terminal event; session_start and session_end are the platform's. The terminal event is
//   result  {subtype, usage, duration_ms, num_turns[, limit][, finish_reason]} with the last answer as
//   content;
//           subtype success, error_max_turns, error_budget (max_seconds, max_tokens), error_model (the
//           provider's filter stopped the answer) or interrupted;
//   error   {code, retryable} when the model could not be asked or broke off.
//
// Cancelling the task stops the model call, kills the tools' processes and emits `result interrupted`.
// run_turn then still RETURNS the outcome; the caller's next co_await throws operation_aborted as usual, so
// what is to survive must be kept before that (or run_turn called through net::call_on). When the sink fails
// nothing more is emitted.
// The model is asked, and the log written, as a part of `trace`.
Task<TurnOutcome> run_turn(const AgentSpec& agent, std::vector<Message> history, std::string message,
                           ChatModel& model, ToolBox& tools, EventSink sink, TraceContext trace = {});

}  // namespace isa::sdk
