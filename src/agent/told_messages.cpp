#include "agent/told_messages.h"

#include "agent/said_text.h"
#include "agent/turn_recorder.h"

#include <algorithm>

namespace isa::agent {
namespace {

using sdk::ChatRole;
using sdk::EventType;
using sdk::Message;
using sdk::Part;

std::string string_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

bool flag_in(const json::object& object, std::string_view key) {
  const auto* found = object.if_contains(key);
  return found && found->is_bool() && found->get_bool();
}

class Telling {
 public:
  explicit Telling(const std::string& message) {
    messages_.push_back(Message::make(ChatRole::user, message));
  }

  void see(const sdk::Event& event) {
    if (event.type == EventType::text && event.content)
      add_text(*event.content);
    else if (event.type == EventType::tool_use)
      add_call(event);
    else if (event.type == EventType::tool_result)
      add_result(event);
    else if (is_steered(event))
      messages_.push_back(Message::make(ChatRole::user, *event.content));
  }
  std::vector<Message> take() && { return std::move(messages_); }

 private:
  // The one that the model is saying: what comes after results is its next.
  Message& answer() {
    if (messages_.back().role != ChatRole::assistant) messages_.push_back({ChatRole::assistant, {}});
    return messages_.back();
  }
  void add_text(const std::string& text) {
    auto& parts = answer().parts;
    if (parts.empty() || parts.back().kind != sdk::PartKind::text) parts.push_back(Part::make_text(""));
    parts.back().text += text;
  }
  void add_call(const sdk::Event& event) {
    auto id = string_in(event.metadata, "tool_use_id");
    auto tool = string_in(event.metadata, "tool");
    if (id.empty() || tool.empty()) return;
    const auto* args = event.metadata.if_contains("args");
    auto call = Part::make_tool_call(std::move(id), std::move(tool),
                                     args && args->is_object() ? json::serialize(*args) : "{}");
    answer().parts.push_back(std::move(call));
  }
  void add_result(const sdk::Event& event) {
    const auto id = string_in(event.metadata, "tool_use_id");
    const auto role = messages_.back().role;
    if (role != ChatRole::assistant && role != ChatRole::tool) return;
    const auto& asking = role == ChatRole::assistant ? messages_.back() : messages_[messages_.size() - 2];
    if (std::ranges::none_of(asking.parts, [&](const Part& part) {
          return part.kind == sdk::PartKind::tool_call && part.id == id;
        }))
      return;
    auto text = event.content.value_or("");
    if (flag_in(event.metadata, "truncated")) text += "\n[The rest was not kept.]";
    if (role == ChatRole::assistant) messages_.push_back({ChatRole::tool, {}});
    messages_.back().parts.push_back(
        Part::make_tool_result(id, std::move(text), flag_in(event.metadata, "is_error")));
  }

  std::vector<Message> messages_;
};

std::vector<Message> said(const std::string& message, const std::vector<sdk::Event>& events) {
  std::vector<Message> messages{Message::make(ChatRole::user, message)};
  SaidText text;
  for (const auto& event : events) {
    text.add(event);
    if (is_steered(event)) messages.push_back(Message::make(ChatRole::user, *event.content));
  }
  if (auto whole = text.text(); !whole.empty())
    messages.push_back(Message::make(ChatRole::assistant, std::move(whole)));
  return messages;
}

}  // namespace

std::vector<sdk::Message> messages_told(const std::string& message,
                                        const std::vector<store::LoggedEvent>& logged) {
  std::vector<sdk::Event> events;
  for (const auto& one : logged)
    if (auto event = sdk::event_from_wire(*one.json)) events.push_back(*std::move(event));
  if (std::ranges::any_of(events, [](const auto& event) { return event.metadata.contains("agent"); }))
    return said(message, events);
  Telling telling(message);
  for (const auto& event : events) telling.see(event);
  return std::move(telling).take();
}

}  // namespace isa::agent
