// How a run ends: one place decides what its last two events and its row say, whatever happened.
#pragma once

#include "agent/teams/open_tasks.h"
#include "agent/turn_executor.h"
#include "sdk/chat.h"
#include "sdk/event.h"
#include "store/run.h"

#include <optional>
#include <string>
#include <vector>

namespace isa::agent {

enum class StopReason {
  none,
  steered,   // It waited in its session's queue, and its message was handed to the run before it.
  asked,     // Somebody cancelled it, or its reader left and had said that this ends it.
  platform,  // The platform stops, or was killed.
};

// What is known of a turn when it is over.
struct TurnFacts {
  StopReason stop = StopReason::none;
  std::optional<sdk::Event> terminal;  // The result or error that the turn sent.
  std::optional<Error> error;          // Why it sent none.
  std::string text;                    // What it streamed.
  std::optional<sdk::Usage> usage;
  sdk::Usage programs = {};     // TurnRecord::programs
  bool is_counted = false;      // `usage` counts, whatever the terminal event says.
  std::optional<LimitMet> met;  // What was refused because of it may be why the turn failed.
  std::int64_t duration_ms = 0;
  std::vector<std::string> unheard = {};  // Said to the turn, and lost with it.
};

struct RunEnding {
  sdk::Event terminal;
  sdk::Event session_end;
  store::RunState state = store::RunState::failed;
  std::optional<std::string> response;  // When it succeeded.
  std::optional<Error> failure;         // When it did not: for a caller who waits for the answer.
  std::optional<json::object> usage;
};

RunEnding ending_of(TurnFacts facts);
// The same of a run that has ended, by its events.
RunEnding ending_in(const std::vector<store::LoggedEvent>& events);

// What became of the tasks of a team whose run ended so.
std::string_view why_cut_off(StopReason stop);
// How a team ends whose max_seconds are over.
sdk::Event out_of_time(std::int64_t seconds, std::string text);
// The report of the tasks goes into a terminal event that has none.
void add_report(RunEnding& ending, const OpenTasks& tasks);

// The code of the terminal event that says so: "interrupted", "error_max_turns", "sandbox_lost", ...
std::string_view failure_code(const RunEnding& ending);

// What the turn adds to the session's history: its own record, or else what its events tell
// (told_messages.h); made whole.
std::vector<store::SessionMessage> history_of(const RunId& run, Timestamp at, const std::string& message,
                                              std::optional<std::vector<sdk::Message>> recorded,
                                              const std::vector<store::LoggedEvent>& events);

}  // namespace isa::agent
