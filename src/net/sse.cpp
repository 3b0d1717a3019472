#include "net/sse.h"

#include <charconv>
#include <cstdint>

namespace isa::net {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

void SseParser::end_line() {
  std::string_view line = line_;
  if (at_start_) {
    at_start_ = false;
    if (line.starts_with(kByteOrderMark)) line.remove_prefix(kByteOrderMark.size());
  }
  if (line.empty()) {
    if (!current_.id.empty()) last_id_ = current_.id;
    if (has_data_) {
      current_.data.pop_back();  // The newline after the last line.
      ready_.push_back(std::move(current_));
    }
    current_ = {};
    has_data_ = false;
  } else if (const auto colon = line.find(':'); colon != 0) {
    const auto field = line.substr(0, colon);
    auto value = colon == std::string_view::npos ? std::string_view() : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "data") {
      current_.data.append(value).push_back('\n');
      has_data_ = true;
    } else if (field == "event") {
      current_.event = value;
    } else if (field == "id" && value.find('\0') == std::string_view::npos) {
      current_.id = value;
    } else if (field == "retry") {
      std::uint32_t milliseconds = 0;
      const auto [end, ec] = std::from_chars(value.data(), value.data() + value.size(), milliseconds);
      const bool is_number = ec == std::errc() && end == value.data() + value.size();
      if (is_number) retry_ = std::chrono::milliseconds(milliseconds);
    }
  }
  line_.clear();
}

Result<void> SseParser::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    if (last_was_cr_) {
      last_was_cr_ = false;
      if (bytes.front() == '\n') {
        bytes.remove_prefix(1);
        continue;
      }
    }
    const auto end = bytes.find_first_of("\r\n");
    const auto part = bytes.substr(0, end);
    if (line_.size() + current_.data.size() + part.size() > event_max_)
      return payload_too_large("a server-sent event is larger than {} bytes", event_max_);
    line_.append(part);
    if (end == std::string_view::npos) return ok();
    last_was_cr_ = bytes[end] == '\r';
    bytes.remove_prefix(end + 1);
    end_line();
  }
  return ok();
}

std::optional<SseEvent> SseParser::next() {
  if (ready_.empty()) return std::nullopt;
  std::optional<SseEvent> event(std::move(ready_.front()));
  ready_.pop_front();
  return event;
}

Task<Result<std::optional<SseEvent>>> SseReader::next() {
  for (;;) {
    if (auto event = parser_.next()) co_return event;
    ISA_CO_TRY(const auto bytes, co_await body_->read());
    if (bytes.empty()) co_return std::optional<SseEvent>();
    ISA_CO_TRYV(parser_.feed(bytes));
  }
}

namespace {

// A line end within a field would start another field.
void append_field(std::string& to, std::string_view name, std::string_view value) {
  if (value.empty()) return;
  to.append(name).append(": ");
  for (const char c : value)
    if (c != '\n' && c != '\r') to.push_back(c);
  to.push_back('\n');
}

}  // namespace

std::string format_sse(const SseEvent& event) {
  std::string out;
  out.reserve(event.data.size() + event.id.size() + event.event.size() + 32);
  append_field(out, "id", event.id);
  append_field(out, "event", event.event);
  std::string_view rest = event.data;
  for (;;) {
    const auto end = rest.find_first_of("\r\n");
    out.append("data: ").append(rest.substr(0, end)).push_back('\n');
    if (end == std::string_view::npos) break;
    const bool is_crlf = rest.substr(end, 2) == "\r\n";
    rest.remove_prefix(end + (is_crlf ? 2 : 1));
  }
  out.push_back('\n');
  return out;
}

}  // namespace isa::net
