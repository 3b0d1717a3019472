#include "agent/event_feed.h"

#include "net/sse.h"

#include <algorithm>
#include <charconv>

namespace isa::agent {
namespace {

// Frames that are handed to a connection at once: bounds what one slow reader holds back.
constexpr std::size_t kFramesPerWrite = 64;

}  // namespace

Task<void> follow_live(std::shared_ptr<RunStream> stream, std::int64_t after, net::BodyWriter& out,
                       std::chrono::milliseconds heartbeat) {
  for (;;) {
    auto frames = stream->frames_after(after, kFramesPerWrite);
    if (frames.empty() && stream->is_closed()) break;
    if (frames.empty()) {
      const auto next_heartbeat = Deadline::after(heartbeat);
      co_await stream->wait_for_more(after, next_heartbeat);
      frames = stream->frames_after(after, kFramesPerWrite);
      if (frames.empty() && !stream->is_closed()) {
        if (!co_await out.write(std::string(net::kSseHeartbeat))) co_return;
        continue;
      }
    }
    after += static_cast<std::int64_t>(frames.size());
    if (!frames.empty() && !co_await out.write(std::move(frames))) co_return;
  }
  if (!stream->is_let_go()) (void)co_await out.write(std::string(net::kSseDone));
}

Task<void> replay(RunId run, std::vector<store::LoggedEvent> events, net::BodyWriter& out) {
  for (std::size_t from = 0; from < events.size(); from += kFramesPerWrite) {
    std::vector<net::Frame> frames;
    const auto to = std::min(events.size(), from + kFramesPerWrite);
    for (auto i = from; i < to; ++i) frames.push_back(sse_frame(run, events[i]));
    if (!co_await out.write(std::move(frames))) co_return;
  }
  (void)co_await out.write(std::string(net::kSseDone));
}

Result<std::int64_t> resume_point(const net::Request& request, const RunId& run) {
  const auto header = request.headers.get("Last-Event-ID");
  const bool is_header = !header.empty();
  auto text = is_header ? header : request.query_value("after");
  if (text.empty()) return 0;
  const std::string where = is_header ? "the header Last-Event-ID" : "the query parameter 'after'";
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    if (text.substr(0, colon) != run.value())
      return validation_error("{} names an event of another run; send an id of {}", where, run.value());
    text.remove_prefix(colon + 1);
  }
  std::int64_t seq = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), seq);
  if (ec != std::errc() || end != text.data() + text.size() || seq < 0)
    return validation_error("{} must be the id or the seq of an event", where)
        .with_param(is_header ? "" : "after");
  return seq;
}

}  // namespace isa::agent
