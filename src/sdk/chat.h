// A conversation with a model, free of any provider's dialect. The richest common form: messages are lists of
// parts.
#pragma once

#include "base/async.h"
#include "base/json.h"
#include "base/trace.h"
#include "base/usd.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace isa::sdk {

enum class ChatRole { system, user, assistant, tool };
BOOST_DESCRIBE_ENUM(ChatRole, system, user, assistant, tool)

enum class PartKind { text, image, thinking, redacted_thinking, tool_call, tool_result };
BOOST_DESCRIBE_ENUM(PartKind, text, image, thinking, redacted_thinking, tool_call, tool_result)

struct Part {
  using json_defaults = void;
  PartKind kind = PartKind::text;
  std::string text;        // text, thinking; the content of a tool_result; redacted_thinking's data.
  std::string id;          // tool_call, tool_result: the call's id.
  std::string name;        // tool_call: the tool.
  std::string arguments;   // tool_call: JSON text of an object; "" counts as {}. May be invalid JSON.
  bool is_error = false;   // tool_result
  std::string signature;   // thinking: must go back unchanged (Anthropic).
  std::string media_type;  // image
  std::string data;        // image: base64, or
  std::string url;         // image: where it is.

  static Part make_text(std::string text);
  static Part make_tool_call(std::string id, std::string name, std::string arguments);
  static Part make_tool_result(std::string id, std::string text, bool is_error);
};
BOOST_DESCRIBE_STRUCT(Part, (), (kind, text, id, name, arguments, is_error, signature, media_type, data, url))

// role tool: holds tool_result parts only, all those of the assistant message before it.
struct Message {
  ChatRole role = ChatRole::user;
  std::vector<Part> parts;
  // Set in a summary: it stands for so many messages from the beginning of the conversation, which a model is
  // no longer shown. Its own place is behind all of them (sdk/context.h).
  std::optional<std::int64_t> summarises = std::nullopt;

  std::string text() const;  // The text parts, joined.
  std::vector<Part> tool_calls() const;
  static Message make(ChatRole role, std::string text);
};
BOOST_DESCRIBE_STRUCT(Message, (), (role, parts, summarises))

// Messages as the session store and the runtime's protocol hold them: empty fields of parts left out.
json::object to_json(const Message& message);
Result<Message> message_from_json(const json::value& from);
json::array to_json(const std::vector<Message>& messages);
Result<std::vector<Message>> messages_from_json(const json::array& from);

struct ToolSpec {
  std::string name;  // [a-zA-Z0-9_-]{1,64}
  std::string description;
  json::object parameters;  // JSON Schema of an object.
};
BOOST_DESCRIBE_STRUCT(ToolSpec, (), (name, description, parameters))

enum class ToolChoice { auto_, none, required, named };

struct ChatRequest {
  std::string model;
  std::vector<Message> messages;
  std::vector<ToolSpec> tools;
  ToolChoice tool_choice = ToolChoice::auto_;
  std::string tool_choice_name;  // For named.
  std::optional<bool> parallel_tool_calls;
  std::optional<std::int64_t> max_tokens;
  std::optional<double> temperature;  // Never sent when the caller did not set it: some models refuse it.
  std::optional<double> top_p;
  std::vector<std::string> stop;
  std::optional<json::object> response_format;
  // Fields of the caller's dialect that are sent on as they stand, and that dialect's name ("openai",
  // "anthropic"), to a provider of the same dialect only. They win over what this struct says of the same
  // field, so that nothing of a message is lost on the way through the common form (cache marks, documents).
  // Never "model" or "stream".
  json::object extra;
  std::string extra_dialect;
  TraceContext trace;  // Of whoever asks; never in the body.
};

enum class FinishReason { stop, length, tool_calls, content_filter };
BOOST_DESCRIBE_ENUM(FinishReason, stop, length, tool_calls, content_filter)

// Tokens. input_tokens includes cached ones.
struct Usage {
  using json_defaults = void;
  std::int64_t input_tokens = 0;
  std::int64_t output_tokens = 0;
  std::int64_t cached_input_tokens = 0;
  std::int64_t cache_write_tokens = 0;
  std::int64_t reasoning_tokens = 0;
  bool estimated = false;  // The provider sent none, e.g. because the stream broke.
  // By the prices that the model service knows. Nothing where it knows none: that is not the same as 0.
  std::optional<Usd> cost_usd = std::nullopt;

  bool is_nothing() const;  // No token was used.
  // The cost of a sum is known when those of all its parts are.
  Usage& operator+=(const Usage& other);
};
BOOST_DESCRIBE_STRUCT(Usage, (),
                      (input_tokens, output_tokens, cached_input_tokens, cache_write_tokens, reasoning_tokens,
                       estimated, cost_usd))

// One step of a streamed answer.
struct ChatDelta {
  enum class Kind {
    text,               // text
    thinking,           // text
    signature,          // text: of the thinking before it
    redacted_thinking,  // text: the whole opaque block
    tool_call,          // index, id, name: a call begins
    tool_arguments,     // index, text: more of its arguments
  };
  Kind kind = Kind::text;
  std::string text;
  std::size_t index = 0;  // Of the tool call, counted from 0 in order of appearance.
  std::string id;
  std::string name;
};

struct ChatResult {
  std::string id;
  std::string model;  // As the provider names what answered.
  Message message;    // role assistant, complete
  FinishReason finish_reason = FinishReason::stop;
  Usage usage;
};

// The deltas that spell a complete message.
void append_deltas(const Message& message, std::vector<ChatDelta>& to);

// Gets the deltas in order. An error stops the call and is its result.
using ChatSink = std::function<Task<Result<void>>(const ChatDelta&)>;

// Puts deltas together to the message that they spell. A call without arguments gets "{}".
class MessageBuilder {
 public:
  void add(const ChatDelta& delta);
  Message finish() &&;

 private:
  Message message_{ChatRole::assistant, {}};
  std::vector<std::size_t> calls_;  // Position of tool call i among the parts.
};

}  // namespace isa::sdk
