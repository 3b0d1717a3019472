#include "sdk/event.h"

#include "base/json_text.h"

#include <charconv>

namespace isa::sdk {
namespace {

// The fields of an event that others send and that we read; the rest of what they say is theirs.
struct WireEvent {
  using json_ignore_unknown = void;
  EventType type = EventType::text;
  std::optional<std::string> content;
  std::optional<json::object> metadata;
};
BOOST_DESCRIBE_STRUCT(WireEvent, (), (type, content, metadata))

void append_number(std::string& to, std::int64_t number) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  to.append(digits, end);
}

// "content":..,"metadata":{..}} and so the end of the object.
void append_body(std::string& to, const Event& event) {
  to += R"("content":)";
  if (event.content)
    json::append_string(to, *event.content);
  else
    to += "null";
  to += R"(,"metadata":)";
  json::append(to, event.metadata);
  to += '}';
}

std::size_t content_size(const Event& event) {
  return event.content ? event.content->size() : 4;
}

}  // namespace

std::string to_wire(const Event& event, const RunId& run, std::int64_t seq, const SessionId& session,
                    Timestamp at) {
  std::string text;
  text.reserve(192 + 2 * run.value().size() + session.value().size() + content_size(event));
  // The id is run and sequence number in one string, so the run is escaped and left open for the number.
  text += R"({"id":)";
  json::append_string(text, run.value());
  text.back() = ':';
  append_number(text, seq);
  text += R"(","seq":)";
  append_number(text, seq);
  text += R"(,"type":")";
  text += json::name_of(event.type);
  text += R"(","run_id":)";
  json::append_string(text, run.value());
  text += R"(,"session_id":)";
  json::append_string(text, session.value());
  text += R"(,"timestamp":")";
  text += to_rfc3339(at);
  text += R"(",)";
  append_body(text, event);
  return text;
}

std::string to_wire(const Event& event) {
  std::string text;
  text.reserve(64 + content_size(event));
  text += R"({"type":")";
  text += json::name_of(event.type);
  text += R"(",)";
  append_body(text, event);
  return text;
}

Result<Event> event_from_wire(std::string_view text) {
  ISA_TRY(auto from, json::parse_as<WireEvent>(text));
  return Event{from.type, std::move(from.content), std::move(from.metadata).value_or(json::object())};
}

Event text_event(std::string chunk) {
  return {EventType::text, std::move(chunk), {}};
}

Event error_event(std::string code, std::string message, bool retryable) {
  return {EventType::error, std::move(message), {{"code", std::move(code)}, {"retryable", retryable}}};
}

}  // namespace isa::sdk
