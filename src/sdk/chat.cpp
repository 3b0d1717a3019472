#include "sdk/chat.h"

namespace isa::sdk {

Part Part::make_text(std::string text) {
  Part part;
  part.text = std::move(text);
  return part;
}

Part Part::make_tool_call(std::string id, std::string name, std::string arguments) {
  Part part;
  part.kind = PartKind::tool_call;
  part.id = std::move(id);
  part.name = std::move(name);
  part.arguments = std::move(arguments);
  return part;
}

Part Part::make_tool_result(std::string id, std::string text, bool is_error) {
  Part part;
  part.kind = PartKind::tool_result;
  part.id = std::move(id);
  part.text = std::move(text);
  part.is_error = is_error;
  return part;
}

std::string Message::text() const {
  std::string joined;
  for (const auto& part : parts)
    if (part.kind == PartKind::text) joined += part.text;
  return joined;
}

std::vector<Part> Message::tool_calls() const {
  std::vector<Part> calls;
  for (const auto& part : parts)
    if (part.kind == PartKind::tool_call) calls.push_back(part);
  return calls;
}

Message Message::make(ChatRole role, std::string text) {
  Message message{.role = role, .parts = {}};
  message.parts.push_back(Part::make_text(std::move(text)));
  return message;
}

json::object to_json(const Message& message) {
  json::array parts;
  for (const auto& part : message.parts) {
    json::object to;
    to["kind"] = json::name_of(part.kind);
    const auto set = [&](std::string_view name, const std::string& text) {
      if (!text.empty()) to[name] = text;
    };
    set("text", part.text);
    set("id", part.id);
    set("name", part.name);
    set("arguments", part.arguments);
    if (part.is_error) to["is_error"] = true;
    set("signature", part.signature);
    set("media_type", part.media_type);
    set("data", part.data);
    set("url", part.url);
    parts.push_back(std::move(to));
  }
  json::object to;
  to["role"] = json::name_of(message.role);
  to["parts"] = std::move(parts);
  if (message.summarises) to["summarises"] = *message.summarises;
  return to;
}

Result<Message> message_from_json(const json::value& from) {
  return json::read<Message>(from);
}

json::array to_json(const std::vector<Message>& messages) {
  json::array to;
  for (const auto& message : messages) to.push_back(to_json(message));
  return to;
}

Result<std::vector<Message>> messages_from_json(const json::array& from) {
  std::vector<Message> messages;
  for (const auto& item : from) {
    ISA_TRY(auto message, message_from_json(item));
    messages.push_back(std::move(message));
  }
  return messages;
}

bool Usage::is_nothing() const {
  return input_tokens == 0 && output_tokens == 0 && !cost_usd;
}

Usage& Usage::operator+=(const Usage& other) {
  if (is_nothing())
    cost_usd = other.cost_usd;
  else if (!other.cost_usd && !other.is_nothing())
    cost_usd.reset();
  else if (cost_usd && other.cost_usd)
    *cost_usd += *other.cost_usd;
  input_tokens += other.input_tokens;
  output_tokens += other.output_tokens;
  cached_input_tokens += other.cached_input_tokens;
  cache_write_tokens += other.cache_write_tokens;
  reasoning_tokens += other.reasoning_tokens;
  estimated = estimated || other.estimated;
  return *this;
}

void append_deltas(const Message& message, std::vector<ChatDelta>& to) {
  std::size_t calls = 0;
  const auto add = [&](ChatDelta::Kind kind, const std::string& text) {
    auto& delta = to.emplace_back();
    delta.kind = kind;
    delta.text = text;
    delta.index = calls;
  };
  for (const auto& part : message.parts) {
    switch (part.kind) {
      case PartKind::text: add(ChatDelta::Kind::text, part.text); break;
      case PartKind::thinking:
        add(ChatDelta::Kind::thinking, part.text);
        if (!part.signature.empty()) add(ChatDelta::Kind::signature, part.signature);
        break;
      case PartKind::redacted_thinking: add(ChatDelta::Kind::redacted_thinking, part.text); break;
      case PartKind::tool_call:
        add(ChatDelta::Kind::tool_call, "");
        to.back().id = part.id;
        to.back().name = part.name;
        add(ChatDelta::Kind::tool_arguments, part.arguments);
        ++calls;
        break;
      case PartKind::image:
      case PartKind::tool_result: break;  // No part of what a model says.
    }
  }
}

void MessageBuilder::add(const ChatDelta& delta) {
  auto& parts = message_.parts;
  const auto last_is = [&](PartKind kind) { return !parts.empty() && parts.back().kind == kind; };
  const auto open = [&](PartKind kind) -> Part& {
    parts.emplace_back().kind = kind;
    return parts.back();
  };
  switch (delta.kind) {
    case ChatDelta::Kind::text:
      if (!last_is(PartKind::text)) open(PartKind::text);
      parts.back().text += delta.text;
      break;
    case ChatDelta::Kind::thinking:
      // A signature closes its thinking: what follows is another block.
      if (!last_is(PartKind::thinking) || !parts.back().signature.empty()) open(PartKind::thinking);
      parts.back().text += delta.text;
      break;
    case ChatDelta::Kind::signature:
      if (!last_is(PartKind::thinking)) open(PartKind::thinking);
      parts.back().signature += delta.text;
      break;
    case ChatDelta::Kind::redacted_thinking: open(PartKind::redacted_thinking).text = delta.text; break;
    case ChatDelta::Kind::tool_call:
      calls_.push_back(parts.size());
      parts.push_back(Part::make_tool_call(delta.id, delta.name, ""));
      break;
    case ChatDelta::Kind::tool_arguments:
      if (delta.index < calls_.size()) parts[calls_[delta.index]].arguments += delta.text;
      break;
  }
}

Message MessageBuilder::finish() && {
  for (const auto at : calls_)
    if (message_.parts[at].arguments.empty()) message_.parts[at].arguments = "{}";
  return std::move(message_);
}

}  // namespace isa::sdk
