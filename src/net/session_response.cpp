// From the handler's answer to its last byte.
#include "base/log.h"
#include "net/session.h"
#include "net/trace_headers.h"

#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/system/system_error.hpp>

#include <array>
#include <charconv>

namespace isa::net {
namespace {

// A producer that always has more, and a reader that always takes it, would keep the loop to themselves.
constexpr int kWritesInARow = 64;

}  // namespace

// Frames become one chunk each write, sent from where they lie.
class ChunkWriter final : public BodyWriter {
 public:
  ChunkWriter(Session& session, bool is_chunked) : session_(session), is_chunked_(is_chunked) {}

  using BodyWriter::write;
  Task<Result<void>> write(std::vector<Frame> frames) override {
    std::size_t size = 0;
    for (const auto& frame : frames) size += frame->size();
    if (size == 0) co_return ok();  // An empty chunk would end the body.
    if (is_broken_) co_return cancelled("the reader has left");
    chain_.clear();
    if (is_chunked_) {
      char* const end = std::to_chars(chunk_head_.data(), chunk_head_.data() + 16, size, 16).ptr;
      std::copy_n("\r\n", 2, end);
      chain_.add({chunk_head_.data(), static_cast<std::size_t>(end + 2 - chunk_head_.data())});
    }
    for (const auto& frame : frames) chain_.add(*frame);
    if (is_chunked_) chain_.add("\r\n");
    is_broken_ = true;  // Until proven otherwise: an exception may end the write halfway.
    if (!co_await session_.write_all(chain_)) {
      if (session_.is_expired_) co_return timeout("the reader took nothing for too long");
      co_return cancelled("the reader has left");
    }
    is_broken_ = false;
    if (++in_a_row_ % kWritesInARow == 0) co_await asio::post(use_task);
    co_return ok();
  }

  bool is_broken() const { return is_broken_; }

 private:
  Session& session_;
  bool is_chunked_;
  bool is_broken_ = false;
  int in_a_row_ = 0;
  std::array<char, 18> chunk_head_{};
  BufferChain chain_;
};

// Every piece that the peer takes earns it another write_timeout.
Task<bool> Session::write_all(BufferChain& chain) {
  const auto before = std::exchange(phase_, Phase::writing);
  is_expired_ = false;
  while (!chain.empty()) {
    watchdog_.expire_after(limits().write_timeout);
    const auto [ec, count] = co_await stream_->write_some(chain.head());
    if (ec) co_return false;
    chain.consume(count);
  }
  watchdog_.rest();
  phase_ = before;
  co_return true;
}

Task<bool> Session::send(const RequestParser& parser, Response& response, bool keep_alive) {
  const bool is_head = parser.request.method == Method::head;
  const bool is_stream = static_cast<bool>(response.stream);
  auto framing = Framing::length;
  if (is_stream) framing = parser.is_http_1_0 ? Framing::until_eof : Framing::chunked;
  if (framing == Framing::until_eof) keep_alive = false;
  const bool has_body = !is_head && response.status != 204 && response.status != 304;
  if (takeover_) framing = Framing::takeover;

  head_.clear();
  context_.head.append(head_, response, parser.request.request_id, framing, keep_alive);
  BufferChain chain;
  chain.add(head_);
  if (has_body && !is_stream) chain.add(response.body);
  if (!co_await write_all(chain)) co_return false;
  if (takeover_) {
    co_await hand_over(parser.request);
    co_return false;
  }
  if (!is_stream || !has_body) co_return true;
  const bool was_sent = co_await send_stream(parser.request, response, framing == Framing::chunked);
  co_return was_sent&& framing == Framing::chunked;
}

Task<void> Session::hand_over(const Request& request) {
  const auto takeover = std::exchange(takeover_, {});
  phase_ = Phase::handling;
  watchdog_.rest();
  if (is_watching_) {
    stream_->cancel();
    co_await watch_end_.async_wait(no_throw);
  }
  if (has_left_) co_return;
  try {
    co_await takeover(*stream_, input_);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted) throw;  // The server stops.
    log::error("http.takeover_failed", {{"request_id", request.request_id}, {"detail", e.what()}});
  } catch (const std::exception& e) {
    log::error("http.takeover_failed", {{"request_id", request.request_id}, {"detail", e.what()}});
  }
}

Task<bool> Session::send_stream(const Request& request, Response& response, bool is_chunked) {
  ChunkWriter writer(*this, is_chunked);
  std::string failure;
  phase_ = Phase::handling;
  watchdog_.rest();
  is_cancellable_ = true;
  watch_peer();
  if (has_left_) co_return false;
  try {
    co_await response.stream(writer);
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::operation_aborted && stop_ == Stop::none) throw;  // The server stops.
    if (stop_ == Stop::none) failure = e.what();
  } catch (const std::exception& e) {
    failure = e.what();
  }
  is_cancellable_ = false;
  co_await asio::this_coro::reset_cancellation_state();
  if (std::exchange(stop_, Stop::none) != Stop::none) co_return false;
  if (!failure.empty())
    log::error("http.stream_failed", {{"request_id", request.request_id},
                                      {"trace_id", trace_id_of(request.headers)},
                                      {"path", request.path},
                                      {"detail", failure}});
  // The missing last chunk tells the reader that this is not all.
  if (writer.is_broken() || !failure.empty()) co_return false;
  if (!is_chunked) co_return true;
  BufferChain chain;
  chain.add("0\r\n\r\n");
  co_return co_await write_all(chain);
}

}  // namespace isa::net
