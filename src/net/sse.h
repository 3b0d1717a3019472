// Server-sent events, in and out (WHATWG HTML, section 9.2 "Server-sent events").
#pragma once

#include "net/http.h"

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <string_view>

namespace isa::net {

struct SseEvent {
  std::string id;     // Of this event; empty when it has none.
  std::string event;  // Empty means "message".
  std::string data;   // Lines joined by \n.
};

// Bytes in, events out. Accepts LF, CRLF and CR line ends, split anywhere, also within a UTF-8 sequence;
// skips comments and a byte-order mark. Never blocks, never throws.
class SseParser {
 public:
  explicit SseParser(std::size_t event_max = 4 << 20) : event_max_(event_max) {}
  // payload_too_large when one event passes event_max bytes; the parser is done for then.
  Result<void> feed(std::string_view bytes);
  std::optional<SseEvent> next();
  // What whoever reconnects goes by: of the events so far, also of those without data.
  const std::string& last_id() const { return last_id_; }
  std::optional<std::chrono::milliseconds> retry() const { return retry_; }

 private:
  void end_line();

  std::size_t event_max_;
  std::string line_;
  SseEvent current_;
  std::string last_id_;
  std::optional<std::chrono::milliseconds> retry_;
  bool has_data_ = false;
  bool last_was_cr_ = false;
  bool at_start_ = true;
  std::deque<SseEvent> ready_;
};

// Pulls events out of a streamed answer.
class SseReader {
 public:
  explicit SseReader(std::unique_ptr<BodyStream> body, std::size_t event_max = 4 << 20)
      : body_(std::move(body)), parser_(event_max) {}
  // Nothing at the end of the stream. An event that the end cuts off is dropped, as the standard says.
  Task<Result<std::optional<SseEvent>>> next();
  const SseParser& parser() const { return parser_; }

 private:
  std::unique_ptr<BodyStream> body_;
  SseParser parser_;
};

// "id: ..\nevent: ..\ndata: ..\n\n"; id and event are left out when empty. data may hold newlines.
std::string format_sse(const SseEvent& event);
inline constexpr std::string_view kSseHeartbeat = ": keep-alive\n\n";
inline constexpr std::string_view kSseDone = "data: [DONE]\n\n";

}  // namespace isa::net
