#include "runtime/event_writer.h"

#include "net/sse.h"
#include "sdk/runtime_protocol.h"

#include <algorithm>

namespace isa::runtime {
namespace {

constexpr std::chrono::seconds kSilenceMax{10};

// Marks the writer as busy, also when the write is cancelled.
class Writing {
 public:
  Writing(bool& flag, asio::steady_timer& ended) : flag_(flag), ended_(ended) { flag_ = true; }
  Writing(const Writing&) = delete;
  ~Writing() {
    flag_ = false;
    ended_.cancel();
  }

 private:
  bool& flag_;
  asio::steady_timer& ended_;
};

}  // namespace

EventWriter::EventWriter(net::BodyWriter& to, const asio::any_io_executor& executor)
    : to_(to), written_(executor, asio::steady_timer::time_point::max()) {}

Task<Result<void>> EventWriter::write(std::string text) {
  while (is_writing_) co_await written_.async_wait(no_throw);
  const Writing writing(is_writing_, written_);
  auto result = co_await to_.write(std::move(text));
  last_ = Deadline::Clock::now();
  co_return result;
}

Task<Result<void>> EventWriter::send(sdk::Event event) {
  std::string text = "data: ";
  text += sdk::to_wire(event);  // One line.
  text += "\n\n";
  return write(std::move(text));
}

Task<Result<void>> EventWriter::send_history(sdk::TurnOutcome outcome) {
  sdk::RuntimeHistory history;
  history.new_messages = sdk::to_json(outcome.new_messages);
  history.usage = outcome.progress.usage;
  history.progress = outcome.progress;
  if (!outcome.pending.empty()) history.pending = std::move(outcome.pending);
  const net::SseEvent event{.id = {}, .event = "history", .data = json::serialize(json::write(history))};
  std::string text = net::format_sse(event);
  text += net::kSseDone;
  return write(std::move(text));
}

Task<void> EventWriter::heartbeat() {
  for (;;) {
    const auto wait = std::max<Deadline::Clock::duration>(last_ + kSilenceMax - Deadline::Clock::now(),
                                                          std::chrono::milliseconds(100));
    co_await sleep_for(wait);
    if (is_writing_ || Deadline::Clock::now() - last_ < kSilenceMax) continue;
    const auto written = co_await write(std::string(net::kSseHeartbeat));
    if (!written) co_return;
  }
}

}  // namespace isa::runtime
