// The one event schema: HTTP, event log, runtime and SDK speak it (design: agents.md, "Events").
#pragma once

#include "base/json.h"

#include <optional>
#include <string>

namespace isa::sdk {

enum class EventType {
  session_start,
  system,
  thinking,
  text,
  tool_use,
  progress,
  tool_result,
  hil_request,
  result,
  error,
  session_end,
};
BOOST_DESCRIBE_ENUM(EventType, session_start, system, thinking, text, tool_use, progress, tool_result,
                    hil_request, result, error, session_end)

// What happened, before the platform gives it a place in a run.
struct Event {
  EventType type = EventType::text;
  std::optional<std::string> content;
  json::object metadata;

  bool is_terminal() const { return type == EventType::result || type == EventType::error; }
};

// The event on the wire:
// {"id":"<run>:<seq>","seq",...,"type","run_id","session_id","timestamp","content","metadata"}. Valid JSON
// and one line, whatever bytes the event holds.
std::string to_wire(const Event& event, const RunId& run, std::int64_t seq, const SessionId& session,
                    Timestamp at);

// The event as a runtime or a custom agent sends it to the platform: {"type","content","metadata"}.
std::string to_wire(const Event& event);

// Reads an event of the wire or of a custom agent: only `type` is required, unknown fields are ignored.
// validation_error when the type is unknown.
Result<Event> event_from_wire(std::string_view text);

Event text_event(std::string chunk);
Event error_event(std::string code, std::string message, bool retryable);

}  // namespace isa::sdk
