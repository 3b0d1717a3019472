#include "pool/conversation.h"

namespace isa::pool {
namespace {

constexpr std::size_t kMessagesMax = 400;

bool is_user_message(const json::value& message) {
  const auto* object = message.if_object();
  const auto* role = object ? object->if_contains("role") : nullptr;
  return role && *role == "user";
}

}  // namespace

sdk::RuntimeChat Conversation::next(std::string prompt, sdk::AgentSpec agent) const {
  sdk::RuntimeChat chat;
  chat.message = std::move(prompt);
  chat.agent = std::move(agent);
  chat.history = messages_;
  return chat;
}

void Conversation::add(const json::array& new_messages) {
  messages_.insert(messages_.end(), new_messages.begin(), new_messages.end());
  if (messages_.size() <= kMessagesMax) return;
  // Cut before a user's message, so that no tool result is left without its call.
  auto cut = messages_.begin() + static_cast<std::ptrdiff_t>(messages_.size() - kMessagesMax);
  while (cut != messages_.end() && !is_user_message(*cut)) ++cut;
  messages_.erase(messages_.begin(), cut);
}

void ChatWatcher::feed(std::string_view bytes) {
  if (is_broken_) return;
  // An oversized event is the caller's to judge; only the watching ends.
  if (!parser_.feed(bytes)) is_broken_ = true;
  while (const auto event = parser_.next()) see(*event);
}

void ChatWatcher::see(const net::SseEvent& event) {
  if (event.data == "[DONE]") return;
  if (event.event == "history") {
    if (auto history = json::parse_as<sdk::RuntimeHistory>(event.data))
      new_messages_ = std::move(history->new_messages);
    return;
  }
  const auto known = sdk::event_from_wire(event.data);
  if (!known) return;  // A custom agent may send what we do not know.
  if (known->type == sdk::EventType::result) answer_ = known->content.value_or("");
  if (known->type == sdk::EventType::error)
    failure_ = known->content.value_or("the agent failed without a reason");
}

}  // namespace isa::pool
