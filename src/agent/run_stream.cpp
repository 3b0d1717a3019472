#include "agent/run_stream.h"

#include "base/log.h"
#include "base/time.h"
#include "net/sse.h"

#include <algorithm>

namespace isa::agent {

RunStream::RunStream(asio::any_io_executor executor, store::EventLog& log, RunId run, SessionId session,
                     RunStreamLimits limits)
    : log_(log),
      run_(std::move(run)),
      session_(std::move(session)),
      limits_(limits),
      changed_(executor),
      flushing_(executor) {}

Task<Result<void>> RunStream::push(sdk::Event event) {
  while (in_flight_ >= limits_.events_in_flight && !failure_) co_await changed_.wait();
  if (failure_) co_return Failure(*failure_);
  if (bytes_ > limits_.bytes_max)
    co_return payload_too_large("the run was ended because its events passed {} bytes", limits_.bytes_max);
  enqueue(event);
  start_flush();
  co_return ok();
}

Task<Result<void>> RunStream::written() {
  while (in_flight_ > 0 && !failure_) co_await changed_.wait();
  if (failure_) co_return Failure(*failure_);
  co_return ok();
}

Task<void> RunStream::end_with(std::vector<sdk::Event> last) {
  co_await flushing_.join();
  failure_.reset();
  for (const auto& event : last) enqueue(event);
  auto unwritten = pending_;
  start_flush();
  co_await flushing_.join();
  if (!failure_) co_return;
  log::error("run.log_failed", {{"run_id", run_.value()}, {"detail", failure_->detail()}});
  next_seq_ += static_cast<std::int64_t>(unwritten.size());
  show(std::move(unwritten));
}

void RunStream::close() {
  is_closed_ = true;
  changed_.notify();
}

void RunStream::let_go() {
  is_let_go_ = true;
  close();
}

void RunStream::restore(std::vector<store::LoggedEvent> events) {
  for (const auto& event : events) bytes_ += event.json->size();
  next_seq_ = static_cast<std::int64_t>(events.size()) + 1;
  show(std::move(events));
}

Task<void> RunStream::wait_for_more(std::int64_t seq, Deadline deadline) {
  while (!is_closed_ && std::cmp_less_equal(shown_.size(), seq) && !deadline.passed())
    co_await changed_.wait(deadline);
}

std::vector<net::Frame> RunStream::frames_after(std::int64_t seq, std::size_t max) const {
  std::vector<net::Frame> frames;
  const auto from = std::min(static_cast<std::size_t>(std::max<std::int64_t>(seq, 0)), shown_.size());
  const auto to = from + std::min(max, shown_.size() - from);
  frames.reserve(to - from);
  for (auto i = from; i < to; ++i) frames.push_back(shown_[i].frame);
  return frames;
}

std::vector<store::LoggedEvent> RunStream::events_after(std::int64_t seq) const {
  std::vector<store::LoggedEvent> events;
  for (const auto& entry : shown_)
    if (entry.logged.seq > seq) events.push_back(entry.logged);
  return events;
}

void RunStream::enqueue(const sdk::Event& event) {
  auto json = std::make_shared<const std::string>(sdk::to_wire(event, run_, next_seq_, session_, now()));
  bytes_ += json->size();
  pending_.push_back({next_seq_++, std::move(json)});
  ++in_flight_;
}

void RunStream::start_flush() {
  if (is_flushing_ || pending_.empty()) return;
  is_flushing_ = true;
  flushing_.spawn("run.flush", flush());
}

Task<void> RunStream::flush() {
  // A write is bounded by the disk and cannot be undone: it is never cancelled.
  co_await asio::this_coro::reset_cancellation_state(asio::disable_cancellation());
  while (!pending_.empty()) {
    auto group = std::exchange(pending_, {});
    const auto written = co_await log_.append(run_, group);
    if (written) {
      in_flight_ -= group.size();
      show(std::move(group));
      continue;
    }
    // Nobody has seen these: their places are free again, so that seq has no holes.
    failure_ = written.error();
    pending_.clear();
    in_flight_ = 0;
    next_seq_ = static_cast<std::int64_t>(shown_.size()) + 1;
    changed_.notify();
  }
  is_flushing_ = false;
}

void RunStream::show(std::vector<store::LoggedEvent> events) {
  for (auto& event : events) {
    auto frame = sse_frame(run_, event);
    shown_.push_back({std::move(event), std::move(frame)});
  }
  changed_.notify();
}

net::Frame sse_frame(const RunId& run, const store::LoggedEvent& event) {
  return net::make_frame(fmt::format("id: {}:{}\ndata: {}\n\n", run.value(), event.seq, *event.json));
}

}  // namespace isa::agent
