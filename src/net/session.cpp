#include "net/session.h"

#include "base/log.h"

#include <boost/asio/cancellation_signal.hpp>

namespace isa::net {
namespace {

constexpr std::chrono::seconds kLingerMax{2};
constexpr std::size_t kLingerBytesMax = 4 << 20;

}  // namespace

Session::Session(SessionContext& context, std::unique_ptr<Stream> stream, std::string peer)
    : context_(context),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      watch_end_(stream_->executor(), asio::steady_timer::time_point::max()),
      watchdog_(stream_->executor(), [this] { on_expiry(); }) {}

Task<void> Session::run() {
  const auto self = shared_from_this();
  while (co_await serve_one()) {
  }
  watchdog_.rest();
  stream_->close();
}

Task<void> Session::refuse() {
  const auto self = shared_from_this();
  const auto error = service_unavailable("this server has its {} connections already; try again later",
                                         limits().connections_max)
                         .with_code("too_many_connections");
  auto response = error_response(error, "");
  head_.clear();
  context_.head.append(head_, response, "-", Framing::length, false);
  BufferChain chain;
  chain.add(head_);
  chain.add(response.body);
  if (co_await write_all(chain)) co_await linger();
  stream_->close();
}

// What the request under way holds of the bytes that all bodies share. False when there are not so many left.
bool Session::hold_body(std::size_t bytes) {
  const auto others = context_.body_bytes - body_held_;
  if (bytes > 0 && others + bytes > limits().bodies_max) return false;
  context_.body_bytes = others + bytes;
  body_held_ = bytes;
  return true;
}

void Session::finish() {
  if (phase_ == Phase::idle) stream_->close();
}

void Session::on_expiry() {
  is_expired_ = true;
  switch (phase_) {
    case Phase::idle:
    case Phase::reading: stream_->cancel(); break;
    case Phase::handling: interrupt(Stop::deadline); break;
    case Phase::writing: stream_->close(); break;
  }
}

void Session::interrupt(Stop why) {
  if (stop_ != Stop::none) return;
  stop_ = why;
  signal_.emit(asio::cancellation_type::terminal);
}

// Reads on while a handler or a stream runs, as that is how a socket tells that its peer left. What arrives
// instead of the end is the next request: it stays in input_ and the watch is over.
void Session::watch_peer() {
  if (is_watching_ || has_left_ || !input_.empty()) return;
  is_watching_ = true;
  context_.tasks.spawn("net.watch", watch(shared_from_this()));
}

Task<void> Session::watch(std::shared_ptr<Session> session) {
  const auto buffer = session->input_.prepare(1024);
  const auto [ec, count] = co_await session->stream_->read_some(buffer);
  session->is_watching_ = false;
  session->watch_end_.cancel();
  if (!ec) {
    session->input_.commit(count);
  } else if (ec != asio::error::operation_aborted) {
    session->has_left_ = true;
    if (session->is_cancellable_) session->interrupt(Stop::peer_left);
  }
}

// False at the end of the connection and when the watchdog barked.
Task<bool> Session::receive(std::size_t room) {
  if (is_watching_) {
    const auto before = input_.data().size();
    co_await watch_end_.async_wait(no_throw);
    if (input_.data().size() > before) co_return true;
  }
  if (has_left_ || is_expired_) co_return false;
  const auto buffer = input_.prepare(room);
  const auto [ec, count] = co_await stream_->read_some(buffer);
  input_.commit(count);
  co_return !ec && !is_expired_;
}

// A socket that is closed while bytes of the peer are unread resets the connection, and the peer may never
// see the answer that was sent before: read on for a while.
Task<void> Session::linger() {
  stream_->shutdown_send();
  phase_ = Phase::reading;
  is_expired_ = false;
  watchdog_.expire_after(kLingerMax);
  for (std::size_t seen = 0; seen < kLingerBytesMax;) {
    input_.consume(input_.data().size());
    if (!co_await receive()) co_return;
    seen += input_.data().size();
  }
}

Task<bool> Session::serve_one() {
  struct Letting {
    Session& session;
    ~Letting() { session.hold_body(0); }
  } letting{*this};
  RequestParser parser(limits().header_max);
  const auto head = co_await read_head(parser);
  if (head == Head::gone) co_return false;
  const auto started = Watchdog::Clock::now();
  const Route* route = nullptr;
  auto response = co_await respond(head, parser, route);
  const bool is_whole = head == Head::complete && parser.is_done();
  const bool keep_alive = is_whole && parser.keep_alive() && !context_.is_stopping && !has_left_;
  const bool was_sent = co_await send(parser, response, keep_alive);
  if (context_.options.observer) {
    const auto took = std::chrono::duration_cast<std::chrono::microseconds>(Watchdog::Clock::now() - started);
    const RequestSummary summary{parser.request, route != nullptr ? std::string_view(route->pattern) : "",
                                 response.status, took};
    context_.options.observer(summary);
  }
  if (was_sent && !is_whole) co_await linger();
  co_return was_sent&& keep_alive;
}

}  // namespace isa::net
