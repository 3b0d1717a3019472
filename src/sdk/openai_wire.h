// OpenAI Chat Completions on the wire, both directions (reference: protocols.md B.1). Used by the HTTP chat model of
// the SDK and by the model service, as a client of providers and as a server.
#pragma once

#include "sdk/chat.h"

namespace isa::sdk::openai {

// ---- as a client ----
json::object to_request(const ChatRequest& request, bool stream);  // stream asks for include_usage.

// Chunks of one streamed answer in, deltas out.
class ChunkReader {
 public:
  // `data` is the data of one SSE event, "[DONE]" included. Deltas are appended to `out`. upstream_error for an error
  // object in the stream or a chunk that is no JSON.
  Result<void> feed(std::string_view data, std::vector<ChatDelta>& out);
  bool is_done() const { return done_; }  // [DONE] or a finish_reason was seen.
  // What the deltas and the last chunks say: id, model, finish_reason, usage. The message is the caller's to build.
  ChatResult summary() const { return summary_; }

 private:
  struct OpenCall {
    std::int64_t wire_index;
    std::string id;
  };
  std::vector<OpenCall> calls_;
  ChatResult summary_;
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
};
Result<ServedRequest> from_request(std::string_view body);
json::object to_response(const ChatResult& result, std::int64_t created);

// Writes the chunks of one streamed answer: each returned text is the data of one SSE event.
class ChunkWriter {
 public:
  ChunkWriter(std::string id, std::string model, std::int64_t created, bool include_usage);
  std::string first();                           // The role.
  std::string delta(const ChatDelta& delta);
  std::vector<std::string> last(const ChatResult& result);  // finish_reason; usage when asked; [DONE].

 private:
  json::object chunk(json::object delta, json::value finish_reason) const;
  std::string id_, model_;
  std::int64_t created_;
  bool include_usage_;
};

// {"error":{message,type,param,code}}
json::object to_error(const Error& error);

}  // namespace isa::sdk::openai
