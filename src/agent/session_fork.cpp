#include "agent/session_fork.h"

#include "sdk/chat.h"
#include "sdk/event.h"

#include <algorithm>
#include <charconv>
#include <set>

namespace isa::agent {
namespace {

using sdk::EventType;

struct Shown {
  std::vector<sdk::Event> events;  // Up to the point.
  std::set<std::string> answered;  // Ids of tool calls that have a result.
  bool has_end = false;            // The result or error of the run.
};

std::string call_of(const sdk::Event& event) {
  const auto* id = event.metadata.if_contains("tool_use_id");
  return id && id->is_string() ? std::string(id->get_string()) : "";
}

Result<Shown> shown_until(const std::vector<store::LoggedEvent>& events, std::int64_t seq) {
  Shown shown;
  for (const auto& logged : events) {
    if (logged.seq > seq) break;
    ISA_TRY(auto event, sdk::event_from_wire(*logged.json));
    if (event.type == EventType::tool_result) shown.answered.insert(call_of(event));
    shown.has_end = shown.has_end || event.is_terminal();
    shown.events.push_back(std::move(event));
  }
  return shown;
}

// Text after the last event of a call that is kept.
std::string text_under_way(const Shown& shown, const std::set<std::string>& kept) {
  std::string text;
  for (const auto& event : shown.events) {
    const bool is_call = event.type == EventType::tool_use || event.type == EventType::tool_result;
    if (is_call && kept.contains(call_of(event))) text.clear();
    if (event.type == EventType::text) text += event.content.value_or("");
  }
  return text;
}

}  // namespace

Result<ForkPoint> parse_fork_point(const std::string& text) {
  ForkPoint point;
  const auto colon = std::min(text.rfind(':'), text.size());
  const auto number = std::string_view(text).substr(std::min(colon + 1, text.size()));
  const auto* const last = number.data() + number.size();
  const auto [end, ec] = std::from_chars(number.data(), last, point.seq);
  if (colon == 0 || ec != std::errc() || end != last || point.seq < 1)
    return validation_error("/after_event: must be the id of an event, <run>:<seq>")
        .with_param("/after_event");
  point.run = RunId(text.substr(0, colon));
  return point;
}

Result<std::vector<store::SessionMessage>> history_until(const std::vector<store::SessionMessage>& of_run,
                                                         const std::vector<store::LoggedEvent>& events,
                                                         std::int64_t seq) {
  const auto last = events.empty() ? 0 : events.back().seq;
  if (seq > last)
    return validation_error("/after_event: the run has {} events, there is no event {}", last, seq)
        .with_param("/after_event");
  ISA_TRY(const auto shown, shown_until(events, seq));
  if (shown.has_end) return of_run;
  std::vector<store::SessionMessage> kept;
  std::set<std::string> kept_calls;
  for (const auto& one : of_run) {
    ISA_TRY(const auto message, sdk::message_from_json(one.message));
    const auto calls = message.tool_calls();
    const bool is_answered =
        std::ranges::all_of(calls, [&](const auto& call) { return shown.answered.contains(call.id); });
    // An answer without calls is the last one: it is whole only when the run has ended.
    if (message.role == sdk::ChatRole::assistant && (calls.empty() || !is_answered)) break;
    for (const auto& call : calls) kept_calls.insert(call.id);
    kept.push_back(one);
  }
  const auto text = text_under_way(shown, kept_calls);
  if (!text.empty() && !kept.empty()) {
    const auto so_far = sdk::Message::make(sdk::ChatRole::assistant, text);
    kept.push_back({kept.back().run_id, kept.back().created_at, sdk::to_json(so_far)});
  }
  return kept;
}

}  // namespace isa::agent
