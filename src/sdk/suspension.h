// A turn that cannot go on by itself: some of its tool calls wait for a person or are the platform's to run.
// Nothing waits inside a sandbox: the turn ends as suspended, and whoever has decided on its calls runs it
// again from there, in the same sandbox or in another.
#pragma once

#include "base/json.h"
#include "sdk/chat.h"

#include <optional>
#include <string>
#include <vector>

namespace isa::sdk {

enum class PendingReason {
  approval,       // The agent's rules say that somebody is asked first.
  checkpoint,     // So much of the plan is done that somebody looks at it (AgentSpec::checkpoint_every).
  platform_tool,  // AgentSpec::platform_tools: only the platform can run it.
  deferred,       // It stands behind one of those in the same answer of the model; nothing forbids to run it.
};
BOOST_DESCRIBE_ENUM(PendingReason, approval, checkpoint, platform_tool, deferred)

struct PendingCall {
  std::string tool_use_id;
  std::string tool;
  std::string subject;  // The name that approval patterns match; the tool's, or "mcp:<server>/<tool>".
  json::object args;
  PendingReason reason = PendingReason::approval;
  // Tool::preview(); it comes from where the tool is, and is believed as little.
  std::optional<std::string> preview = std::nullopt;
};
BOOST_DESCRIBE_STRUCT(PendingCall, (), (tool_use_id, tool, subject, args, reason, preview))

// What was decided on one pending call.
struct CallAnswer {
  using json_defaults = void;
  std::string tool_use_id;
  bool run = false;  // Run it now, with `args` where they were edited; otherwise
  std::optional<json::object> args;
  std::string text;  // this is its result. Of a call that is run: what stands before its result, if anything.
  bool is_error = false;
};
BOOST_DESCRIBE_STRUCT(CallAnswer, (), (tool_use_id, run, args, text, is_error))

// How far the plan of a turn is (sdk/plan_checkpoints.h).
struct PlanProgress {
  using json_defaults = void;
  std::vector<std::string> finished_steps;  // Ids.
  std::int64_t checkpoints = 0;             // Of which somebody was asked.
};
BOOST_DESCRIBE_STRUCT(PlanProgress, (), (finished_steps, checkpoints))

// What a turn has used up so far; its limits count over all its parts.
struct TurnProgress {
  using json_defaults = void;
  std::int64_t num_turns = 0;  // Model calls.
  Usage usage;
  std::int64_t active_ms = 0;  // Without the time in which it was suspended.
  PlanProgress plan;
  std::vector<std::string> unheard;  // Said by the user; heard first when the turn goes on.
};
BOOST_DESCRIBE_STRUCT(TurnProgress, (), (num_turns, usage, active_ms, plan, unheard))

struct Resumption {
  std::vector<Message> new_messages;  // TurnOutcome::new_messages of the suspended turn.
  std::vector<CallAnswer> answers;    // One for each of its pending calls.
  TurnProgress progress;
};

}  // namespace isa::sdk
