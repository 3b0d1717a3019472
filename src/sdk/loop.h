// The agent loop: a streamed model call, its tool calls, again, until the model stops or a limit is met.
#pragma once

#include "sdk/chat_model.h"
#include "sdk/event.h"
#include "sdk/mcp/server_spec.h"
#include "sdk/skills/skill_summary.h"
#include "sdk/steering.h"
#include "sdk/suspension.h"
#include "sdk/tool.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace isa::sdk {

// Checked before each model call.
struct LoopLimits {
  using json_defaults = void;
  std::int64_t max_turns = 50;             // Model calls.
  std::int64_t max_seconds = 600;          // Also cuts off a model call or a tool that is under way.
  std::optional<std::int64_t> max_tokens;  // Input and output of the whole run.
  std::optional<Usd> max_usd;              // Of the whole run.
  // What one model call may be shown, estimated; older parts are shortened or summarised (sdk/context.h).
  std::int64_t context_tokens = 100'000;
};
BOOST_DESCRIBE_STRUCT(LoopLimits, (), (max_turns, max_seconds, max_tokens, max_usd, context_tokens))

// What the loop needs to know of an agent; a cut of its config that holds no id of anybody.
struct AgentSpec {
  using json_defaults = void;
  std::string name;
  std::string model;
  std::string system_prompt;
  std::vector<std::string> tools;
  LoopLimits limits;
  mcp::ServerSpecs mcp_servers = {};
  // Calls that wait until somebody has decided on them, and those of them that need not: patterns of
  // sdk/approval_pattern.h.
  std::vector<std::string> approvals = {};
  std::vector<std::string> always_allowed = {};
  // After so many finished steps of its plan the call that says so waits as well; 0: never.
  std::int64_t checkpoint_every = 0;
  // Tools that the platform runs: calls of them suspend the turn. Shown to the model besides `tools`.
  std::vector<ToolSpec> platform_tools = {};
  // JSON Schema that the last answer must fit (sdk/structured_output.h).
  std::optional<json::object> output_schema = std::nullopt;
  // Not the loop's: whoever runs it tells the model of them (sdk/skills/) and lets it use them.
  std::vector<SkillSummary> skills = {};
};
BOOST_DESCRIBE_STRUCT(AgentSpec, (),
                      (name, model, system_prompt, tools, limits, mcp_servers, approvals, always_allowed,
                       checkpoint_every, platform_tools, output_schema, skills))

// Gets the events in order, one at a time. An error (nobody listens any more) ends the run.
using EventSink = std::function<Task<Result<void>>(Event)>;

// Where a turn begins: with what the user says, or where it was suspended.
struct TurnInput {
  std::vector<Message> history;  // Of the session, without this turn.
  std::string message;           // Of the user. Not looked at when a turn is resumed.
  std::optional<Resumption> resumption = std::nullopt;
  std::shared_ptr<Steering> steering = nullptr;  // May be null.
  // From when on its max_seconds count: what was done for it before the loop is part of the turn.
  Deadline::Clock::time_point begin = Deadline::Clock::now();
};

struct TurnOutcome {
  // What the turn adds to the history: the user's message, the model's, the tools' results. Every tool_call
  // has its tool_result ("[interrupted]" where the tool did not end), also when the run was cut off.
  std::vector<Message> new_messages;
  // Not empty: the turn is suspended, sent no terminal event, and goes on from a Resumption that answers
  // these.
  std::vector<PendingCall> pending = {};
  TurnProgress progress = {};
};

// Emits system {event: context.complete}, then thinking, text, tool_use and tool_result as they happen, then
// exactly one terminal event, unless it is suspended; session_start and session_end are the platform's. The
// terminal event is
//   result  {subtype, usage, duration_ms, num_turns[, limit][, finish_reason][, structured_output]} with the
//           last answer as content;
//           subtype success, error_max_turns, error_budget (max_seconds; max_tokens or max_usd, with a
//           `problem` that says what was used up), error_tool (the same calls again and again), error_model
//           (the provider's filter stopped the answer, or the answer does not fit output_schema: `problem`
//           says why) or interrupted;
//   error   {code, retryable} when the model could not be asked or broke off.
// Further system events: context.trimmed {summarised_messages, is_summarised}, steered (content: what the
// user said), output.retried (content: what did not fit), budget.warn (sdk/budget.h).
//
// Cancelling the task stops the model call, kills the tools' processes and emits `result interrupted`.
// run_turn then still RETURNS the outcome; the caller's next co_await throws operation_aborted as usual, so
// what is to survive must be kept before that (or run_turn called through net::call_on). When the sink fails
// nothing more is emitted.
// The model is asked, and the log written, as a part of `trace`.
Task<TurnOutcome> run_turn(const AgentSpec& agent, TurnInput input, ChatModel& model, ToolBox& tools,
                           EventSink sink, TraceContext trace = {});

}  // namespace isa::sdk
