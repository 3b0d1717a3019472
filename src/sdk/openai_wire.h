// OpenAI Chat Completions on the wire, both directions (reference: protocols.md B.1). Used by the HTTP chat
// model of the SDK and by the model service, as a client of providers and as a server.
//
// Two things that the dialect has no field for travel in extensions, so that a conversation that passes
// through it to another dialect keeps them: `thinking_blocks` of an assistant message (with signatures, as
// LiteLLM names them; its text streams as `reasoning_content`, as DeepSeek and vLLM name it) and `is_error`
// of a tool message. A usage has `cost` in US dollars where it is known.
#pragma once

#include "sdk/chat.h"

namespace isa::sdk::openai {

// ---- as a client (openai_wire_request.cpp, openai_wire_response.cpp, openai_wire_stream.cpp) ----

// With `extensions` for the platform's own model service; without for anybody else, who may refuse unknown
// fields.
enum class Extensions { none, ours };
json::object to_request(const ChatRequest& request, bool stream, Extensions extensions = Extensions::none);

// Chunks of one streamed answer in, deltas out.
class ChunkReader {
 public:
  // `data` is the data of one SSE event, "[DONE]" included. Deltas are appended to `out`. upstream_error for
  // an error object in the stream or a chunk that is no JSON.
  Result<void> feed(std::string_view data, std::vector<ChatDelta>& out);
  // A finish_reason or [DONE] was seen: the answer is whole. Usage may still follow a finish_reason.
  bool is_complete() const { return complete_; }
  bool is_done() const { return done_; }  // [DONE] was seen: nothing follows.
  // What the deltas and the last chunks say: id, model, finish_reason, usage. The message is the caller's to
  // build. Usage is zero when the server sent none.
  const ChatResult& summary() const { return summary_; }

 private:
  struct OpenCall {
    std::int64_t wire_index;
    std::string id;
  };
  Result<void> read_choice(const json::object& choice, std::vector<ChatDelta>& out);
  Result<void> read_call(const json::object& fragment, std::vector<ChatDelta>& out);

  std::vector<OpenCall> calls_;
  ChatResult summary_;
  bool complete_ = false;
  bool done_ = false;
};

Result<ChatResult> from_response(std::string_view body);
// The error of a non-200 answer, with the provider's message.
Error from_error(int status, std::string_view body, std::string_view provider);

// ---- as a server ----

struct ServedRequest {
  ChatRequest chat;
  bool stream = false;
  bool include_usage = false;
  // What of the request has no common form ("/messages/0/content/1: input_audio"), or empty: then it can be
  // sent to a provider of the same dialect only.
  std::string untranslatable;
};
// Unknown fields are allowed, a wrong type is an error with its JSON pointer.
Result<ServedRequest> from_request(std::string_view body);
json::object to_response(const ChatResult& result, std::int64_t created);

// Writes the chunks of one streamed answer: each returned text is the data of one SSE event.
class ChunkWriter {
 public:
  ChunkWriter(std::string_view id, std::string_view model, std::int64_t created, bool include_usage);
  std::string first() const;  // The role.
  std::string delta(const ChatDelta& delta);
  // finish_reason; usage when asked; [DONE]. `result` needs no message.
  std::vector<std::string> last(const ChatResult& result) const;

 private:
  std::string chunk(std::string_view delta) const;

  std::string head_, tail_;  // Of every chunk, around its delta: serialized once.
  bool include_usage_;
  std::vector<bool> has_arguments_;  // Of each tool call so far.
};

// {"error":{message,type,param,code}}
json::object to_error(const Error& error);

// Shared by the parts of this file.
json::object to_usage(const Usage& usage);
Usage from_usage(const json::object& from);
std::string_view to_finish_reason(FinishReason reason);
FinishReason from_finish_reason(std::string_view name);

}  // namespace isa::sdk::openai
