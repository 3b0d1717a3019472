// The messages of MCP: JSON-RPC 2.0, one object each (no batches: MCP took them out in 2025-06-18).
#pragma once

#include "base/json.h"

#include <optional>
#include <string>
#include <string_view>

namespace isa::sdk::mcp {

inline constexpr std::size_t kFrameMax = 4 << 20;  // Bytes of one message.

// Of JSON-RPC 2.0, section 5.1, and of MCP 2026-07-28.
namespace rpc_code {
inline constexpr std::int64_t kInvalidRequest = -32600;
inline constexpr std::int64_t kMethodNotFound = -32601;
inline constexpr std::int64_t kInvalidParams = -32602;
inline constexpr std::int64_t kHeaderMismatch = -32020;
inline constexpr std::int64_t kMissingCapability = -32021;
inline constexpr std::int64_t kUnsupportedVersion = -32022;
}  // namespace rpc_code

struct RpcError {
  std::int64_t code = 0;
  std::string message;
  json::value data;
};

struct Frame {
  enum class Kind { result, error, request, notification };
  Kind kind = Kind::notification;
  json::value id;  // Of a request a number or a string; of an error null where the sender knew none.
  std::string method;
  json::object params;  // Empty when there are none.
  json::object result;
  RpcError error;

  bool is_answer() const { return kind == Kind::result || kind == Kind::error; }
  bool answers(std::int64_t request) const;
};

// invalid_request for what is no message, payload_too_large past kFrameMax. Members that JSON-RPC does not
// know are passed over.
Result<Frame> parse_frame(std::string_view text);

std::string request_text(std::int64_t id, std::string_view method, const json::object& params);
std::string notification_text(std::string_view method, const json::object& params);
std::string result_text(const json::value& id, const json::object& result);
std::string error_text(const json::value& id, std::int64_t code, std::string_view message);

// The lines of a stream (stdio: one message, one line). Bytes in, lines out; empty ones are left out.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t line_max = kFrameMax) : line_max_(line_max) {}
  // payload_too_large when a line passes line_max bytes; the splitter is done for then.
  Result<void> feed(std::string_view bytes);
  std::optional<std::string> next();

 private:
  std::size_t line_max_;
  std::string buffer_;
  std::size_t begin_ = 0;    // Of the line that is next.
  std::size_t scanned_ = 0;  // Up to here there is no line end.
};

}  // namespace isa::sdk::mcp
