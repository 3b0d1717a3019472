#include "agent/session_fork.h"

#include "sdk/chat.h"
#include "sdk/event.h"

#include <algorithm>
#include <charconv>
#include <deque>
#include <map>
#include <optional>

namespace isa::agent {
namespace {

using sdk::EventType;

struct Shown {
  std::vector<sdk::Event> events;  // Up to the point.
  // Where the results of tool calls stand among them, by the id of the call. Some models number their calls
  // anew in every answer: the first result of an id is that of the first call that has it.
  std::map<std::string, std::deque<std::size_t>> results;
  bool has_end = false;  // The result or error of the run.
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
    if (event.type == EventType::tool_result) shown.results[call_of(event)].push_back(shown.events.size());
    shown.has_end = shown.has_end || event.is_terminal();
    shown.events.push_back(std::move(event));
  }
  return shown;
}

// Uses up the results of the calls of one answer: where the last of them stands, "nowhere" when not all are
// there.
std::optional<std::size_t> last_result_of(const std::vector<sdk::Part>& calls, Shown& shown) {
  std::size_t last = 0;
  for (const auto& call : calls) {
    auto& places = shown.results[call.id];
    if (places.empty()) return std::nullopt;
    last = std::max(last, places.front());
    places.pop_front();
  }
  return last;
}

std::string text_from(const Shown& shown, std::size_t place) {
  std::string text;
  for (; place < shown.events.size(); ++place)
    if (shown.events[place].type == EventType::text) text += shown.events[place].content.value_or("");
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
  ISA_TRY(auto shown, shown_until(events, seq));
  if (shown.has_end) return of_run;
  std::vector<store::SessionMessage> kept;
  std::size_t under_way = 0;  // Where the answer begins that is not kept.
  for (const auto& one : of_run) {
    ISA_TRY(const auto message, sdk::message_from_json(one.message));
    if (message.role == sdk::ChatRole::assistant) {
      const auto calls = message.tool_calls();
      if (calls.empty()) break;  // The last one: it is whole only when the run has ended.
      const auto last_result = last_result_of(calls, shown);
      if (!last_result) break;
      under_way = *last_result;
    }
    kept.push_back(one);
  }
  const auto text = text_from(shown, under_way);
  if (!text.empty() && !kept.empty()) {
    const auto so_far = sdk::Message::make(sdk::ChatRole::assistant, text);
    kept.push_back({kept.back().run_id, kept.back().created_at, sdk::to_json(so_far)});
  }
  return kept;
}

}  // namespace isa::agent
