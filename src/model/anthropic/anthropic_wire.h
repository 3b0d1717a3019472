// Anthropic Messages on the wire, both directions (reference: protocols.md B.3, B.6).
#pragma once

#include "sdk/openai_wire.h"

#include <map>

namespace isa::model::anthropic {

using sdk::ChatDelta;
using sdk::ChatRequest;
using sdk::ChatResult;

// A header that changes what the provider does; it travels in ChatRequest::extra under this name.
inline constexpr const char* kBetaField = "anthropic-beta";

// ---- as a client (anthropic_request.cpp, event_reader.cpp) ----

// A JSON Schema as the dialect's output_config takes it: what it does not know becomes a part of the
// description. Nothing where the dialect would forbid answers that fit, as it does for objects whose
// properties are not named, or cannot say it, as of a schema that holds itself.
std::optional<json::object> to_output_schema(const json::object& schema);

// Merges messages as the dialect wants them: system text apart, all results of a turn's tools first in one
// user message, no two messages of one role in a row. validation_error for what it cannot say.
Result<json::object> to_request(const ChatRequest& request, std::int64_t default_max_tokens);

// Events of one streamed answer in, deltas out.
class EventReader {
 public:
  // `data` is the data of one SSE event. An `error` event is an upstream_error, rate_limit_exceeded or
  // service_unavailable; pings and unknown events say nothing.
  Result<void> feed(std::string_view data, std::vector<ChatDelta>& out);
  bool is_complete() const { return complete_; }  // A stop_reason was seen.
  bool is_done() const { return done_; }          // message_stop was seen: nothing follows.
  const ChatResult& summary() const { return summary_; }

 private:
  void begin_block(const json::object& event, std::vector<ChatDelta>& out);
  void add_to_block(const json::object& event, std::vector<ChatDelta>& out) const;
  void read_usage(const json::object& usage);

  std::map<std::int64_t, std::size_t> calls_;  // Content block -> index of its tool call.
  std::int64_t uncached_input_ = 0;
  ChatResult summary_;
  bool complete_ = false;
  bool done_ = false;
};

Error from_error(int status, std::string_view body, std::string_view provider);

// ---- as a server (served_request.cpp, anthropic_response.cpp, event_writer.cpp) ----

Result<sdk::openai::ServedRequest> from_request(std::string_view body);
json::object to_response(const ChatResult& result);

// Writes one streamed answer: every returned text is whole SSE events.
class EventWriter {
 public:
  EventWriter(std::string id, std::string model) : id_(std::move(id)), model_(std::move(model)) {}
  std::string first() const;  // message_start and a ping.
  std::string delta(const ChatDelta& delta);
  std::string last(const ChatResult& result);  // `result` needs no message.

 private:
  enum class Block { none, text, thinking, tool_use };
  struct WaitingCall {
    ChatDelta begin;
    std::string arguments;
  };
  std::string open(Block kind, json::object content);
  std::string close();
  std::string more(std::string_view type, std::string_view field, const std::string& text) const;
  std::string begin_call(const ChatDelta& delta);
  std::string flush_calls();

  std::string id_, model_;
  Block block_ = Block::none;
  std::int64_t index_ = -1;  // Of the content block that is or was open.
  std::size_t call_ = 0;     // The tool call that the open block holds.
  // Blocks come one after another here, while OpenAI's calls may come interleaved: later calls wait for the
  // first.
  std::map<std::size_t, WaitingCall> waiting_;
};

// {"type":"error","error":{type,message},"request_id"} and its status.
json::object to_error(const Error& error, std::string_view request_id);
int status_of(const Error& error);

std::string_view to_stop_reason(sdk::FinishReason reason);
json::object to_usage(const sdk::Usage& usage);
// The data of an event of a provider with the cost in its usage, when it is a message_delta that has one;
// else as it was.
std::string with_cost(std::string_view data, Usd cost);

}  // namespace isa::model::anthropic
