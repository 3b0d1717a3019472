#include "sdk/mcp/json_rpc.h"

#include "base/json_text.h"

namespace isa::sdk::mcp {
namespace {

constexpr std::size_t kMethodMax = 256;
constexpr std::size_t kIdMax = 256;

Error broken(std::string_view what) {
  return invalid_request("no JSON-RPC 2.0 message: {}", what);
}

bool is_id(const json::value& id) {
  return id.is_int64() || id.is_uint64() || (id.is_string() && id.get_string().size() <= kIdMax);
}

Result<json::object> object_of(json::object& from, std::string_view key) {
  auto* found = from.if_contains(key);
  if (!found) return json::object();
  if (!found->is_object()) return broken(fmt::format("'{}' is no object", key));
  return std::move(found->get_object());
}

Result<RpcError> error_of(const json::value& from) {
  const auto* object = from.if_object();
  const auto* code = object ? object->if_contains("code") : nullptr;
  const auto* message = object ? object->if_contains("message") : nullptr;
  if (!code || !code->is_int64() || !message || !message->is_string())
    return broken("'error' has no code and message");
  RpcError error{code->get_int64(), std::string(message->get_string()), {}};
  if (const auto* data = object->if_contains("data")) error.data = *data;
  return error;
}

Result<Frame> call_of(json::object& from) {
  Frame frame;
  const auto* method = from["method"].if_string();
  if (!method || method->empty() || method->size() > kMethodMax) return broken("'method' is no name");
  frame.method = *method;
  ISA_TRY(frame.params, object_of(from, "params"));
  const auto* id = from.if_contains("id");
  if (!id) return frame;
  if (!is_id(*id)) return broken("'id' is neither an integer nor a string");
  frame.kind = Frame::Kind::request;
  frame.id = *id;
  return frame;
}

Result<Frame> answer_of(json::object& from) {
  Frame frame;
  const auto* id = from.if_contains("id");
  const auto* error = from.if_contains("error");
  if (error) {
    if (from.contains("result")) return broken("it has both 'result' and 'error'");
    if (id && !id->is_null() && !is_id(*id)) return broken("'id' is neither an integer nor a string");
    frame.kind = Frame::Kind::error;
    if (id) frame.id = *id;
    ISA_TRY(frame.error, error_of(*error));
    return frame;
  }
  if (!from.contains("result")) return broken("it has neither 'method', 'result' nor 'error'");
  if (!id || !is_id(*id)) return broken("a result needs an 'id', an integer or a string");
  frame.id = *id;
  auto result = object_of(from, "result");
  if (!result) {  // Whoever waits for this answer need not wait on.
    frame.kind = Frame::Kind::error;
    frame.error = {rpc_code::kInvalidRequest, "the result is no object", {}};
    return frame;
  }
  frame.kind = Frame::Kind::result;
  frame.result = *std::move(result);
  return frame;
}

std::string text_of(const json::object& message) {
  return json::serialize(json::value(message));
}

}  // namespace

bool Frame::answers(std::int64_t request) const {
  if (!is_answer()) return false;
  return (id.is_int64() && id.get_int64() == request) ||
         (id.is_uint64() && request >= 0 && id.get_uint64() == static_cast<std::uint64_t>(request));
}

Result<Frame> parse_frame(std::string_view text) {
  if (text.size() > kFrameMax) return payload_too_large("a message of more than {} MB", kFrameMax >> 20);
  ISA_TRY(auto document, json::parse(text));
  auto* object = document.if_object();
  if (!object) return broken("it is no object");
  const auto* version = object->if_contains("jsonrpc");
  if (!version || !version->is_string() || version->get_string() != "2.0")
    return broken("'jsonrpc' is not \"2.0\"");
  return object->contains("method") ? call_of(*object) : answer_of(*object);
}

std::string request_text(std::int64_t id, std::string_view method, const json::object& params) {
  json::object message{{"jsonrpc", "2.0"}, {"id", id}, {"method", method}};
  if (!params.empty()) message["params"] = params;
  return text_of(message);
}

std::string notification_text(std::string_view method, const json::object& params) {
  json::object message{{"jsonrpc", "2.0"}, {"method", method}};
  if (!params.empty()) message["params"] = params;
  return text_of(message);
}

std::string result_text(const json::value& id, const json::object& result) {
  return text_of({{"jsonrpc", "2.0"}, {"id", id}, {"result", result}});
}

std::string error_text(const json::value& id, std::int64_t code, std::string_view message) {
  return text_of(
      {{"jsonrpc", "2.0"}, {"id", id}, {"error", json::object{{"code", code}, {"message", message}}}});
}

Result<void> LineSplitter::feed(std::string_view bytes) {
  if (begin_ > 0) {  // What was taken goes, once for each piece and not for each line.
    buffer_.erase(0, begin_);
    scanned_ -= begin_;
    begin_ = 0;
  }
  buffer_.append(bytes);
  const auto last_end = buffer_.rfind('\n');
  const auto tail = last_end == std::string::npos ? buffer_.size() : buffer_.size() - last_end - 1;
  if (tail > line_max_) return payload_too_large("a line of more than {} bytes", line_max_);
  return ok();
}

std::optional<std::string> LineSplitter::next() {
  for (;;) {
    const auto end = buffer_.find('\n', std::max(begin_, scanned_));
    if (end == std::string::npos) {
      scanned_ = buffer_.size();
      return std::nullopt;
    }
    std::string line = buffer_.substr(begin_, end - begin_);
    begin_ = scanned_ = end + 1;
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) return line;
  }
}

}  // namespace isa::sdk::mcp
