#include "base/json_text.h"
#include "model/anthropic/anthropic_wire.h"

namespace isa::model::anthropic {
namespace {

std::string event(std::string_view name, const json::object& data) {
  auto text = fmt::format("event: {}\ndata: ", name);
  json::append(text, data);
  text += "\n\n";
  return text;
}

json::object typed(std::string_view type) {
  json::object to;
  to["type"] = type;
  return to;
}

}  // namespace

std::string EventWriter::first() const {
  auto usage = to_usage({});
  auto message = typed("message");
  message["id"] = id_;
  message["role"] = "assistant";
  message["model"] = model_;
  message["content"] = json::array();
  message["stop_reason"] = nullptr;
  message["stop_sequence"] = nullptr;
  message["usage"] = std::move(usage);
  auto start = typed("message_start");
  start["message"] = std::move(message);
  return event("message_start", start) + event("ping", typed("ping"));
}

std::string EventWriter::delta(const ChatDelta& delta) {
  switch (delta.kind) {
    case ChatDelta::Kind::text: {
      std::string to;
      if (block_ != Block::text) {
        auto content = typed("text");
        content["text"] = "";
        to = open(Block::text, std::move(content));
      }
      return to + more("text_delta", "text", delta.text);
    }
    case ChatDelta::Kind::thinking:
    case ChatDelta::Kind::signature: {
      std::string to;
      if (block_ != Block::thinking) {
        auto content = typed("thinking");
        content["thinking"] = "";
        content["signature"] = "";
        to = open(Block::thinking, std::move(content));
      }
      if (delta.kind == ChatDelta::Kind::thinking) return to + more("thinking_delta", "thinking", delta.text);
      return to + more("signature_delta", "signature", delta.text);
    }
    case ChatDelta::Kind::redacted_thinking: {
      auto content = typed("redacted_thinking");
      content["data"] = delta.text;
      const auto opened = open(Block::none, std::move(content));
      block_ = Block::thinking;  // So that it is closed like any other.
      return opened + close();
    }
    case ChatDelta::Kind::tool_call:
      if (block_ != Block::tool_use) return begin_call(delta);
      waiting_[delta.index].begin = delta;
      return {};
    case ChatDelta::Kind::tool_arguments:
      if (const auto waits = waiting_.find(delta.index); waits != waiting_.end()) {
        waits->second.arguments += delta.text;
        return {};
      }
      if (block_ != Block::tool_use || call_ != delta.index) return {};
      return more("input_json_delta", "partial_json", delta.text);
  }
  return {};
}

std::string EventWriter::last(const ChatResult& result) {
  auto delta = typed("");
  delta.erase("type");
  delta["stop_reason"] = to_stop_reason(result.finish_reason);
  delta["stop_sequence"] = nullptr;
  auto end = typed("message_delta");
  end["delta"] = std::move(delta);
  end["usage"] = to_usage(result.usage);
  return close() + event("message_delta", end) + event("message_stop", typed("message_stop"));
}

std::string EventWriter::open(Block kind, json::object content) {
  auto to = close();
  block_ = kind;
  auto start = typed("content_block_start");
  start["index"] = ++index_;
  start["content_block"] = std::move(content);
  return to + event("content_block_start", start);
}

std::string EventWriter::close() {
  if (block_ == Block::none) return {};
  const bool held_a_call = block_ == Block::tool_use;
  block_ = Block::none;
  auto stop = typed("content_block_stop");
  stop["index"] = index_;
  auto to = event("content_block_stop", stop);
  if (held_a_call) to += flush_calls();
  return to;
}

std::string EventWriter::more(std::string_view type, std::string_view field, const std::string& text) const {
  auto written = fmt::format(
      "event: content_block_delta\n"
      R"(data: {{"type":"content_block_delta","index":{},"delta":{{"type":"{}","{}":)",
      index_, type, field);
  json::append_string(written, text);
  written += "}}\n\n";
  return written;
}

std::string EventWriter::begin_call(const ChatDelta& delta) {
  auto content = typed("tool_use");
  content["id"] = delta.id;
  content["name"] = delta.name;
  content["input"] = json::object();
  auto to = open(Block::tool_use, std::move(content));
  call_ = delta.index;
  return to;
}

std::string EventWriter::flush_calls() {
  std::string to;
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& [index, call] : waiting) {
    to += begin_call(call.begin);
    if (!call.arguments.empty()) to += more("input_json_delta", "partial_json", call.arguments);
    to += close();
  }
  return to;
}

}  // namespace isa::model::anthropic
