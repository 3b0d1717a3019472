#include "net/stream.h"

#include <cerrno>
#include <cstring>

#include <sys/socket.h>

namespace isa::net {
namespace {

class SocketStream final : public Stream {
 public:
  explicit SocketStream(Socket socket) : socket_(std::move(socket)) {
    ErrorCode ignored;  // A socket that refuses would fail at its first read.
    socket_.non_blocking(true, ignored);
  }

  Task<IoResult> read_some(asio::mutable_buffer into) override {
    return socket_.async_read_some(into, no_throw);
  }

  Task<IoResult> write_some(std::span<const asio::const_buffer> buffers) override {
    for (;;) {
      // There is nearly always room: without a trip through the reactor a small answer costs one system call.
      ErrorCode ec;
      const auto sent = socket_.write_some(buffers, ec);
      if (ec != asio::error::would_block) co_return IoResult(ec, sent);
      std::tie(ec) = co_await socket_.async_wait(Socket::wait_write, no_throw);
      if (ec) co_return IoResult(ec, 0);
    }
  }

  void cancel() noexcept override {
    ErrorCode ignored;  // Fails only on a closed socket, where nothing waits.
    socket_.cancel(ignored);
  }
  void shutdown_send() noexcept override {
    ErrorCode ignored;  // The peer may be gone already.
    socket_.shutdown(Socket::shutdown_send, ignored);
  }
  void close() noexcept override {
    ErrorCode ignored;  // The descriptor is gone either way.
    socket_.close(ignored);
  }
  bool is_stale() noexcept override {
    if (!socket_.is_open()) return true;
    char byte = 0;
    const auto got = recv(socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return got >= 0 || (errno != EAGAIN && errno != EWOULDBLOCK);
  }
  asio::any_io_executor executor() override { return socket_.get_executor(); }

 private:
  Socket socket_;
};

}  // namespace

namespace {

constexpr std::size_t kSizeMin = 4 << 10;
constexpr std::size_t kSizeKept = 16 << 10;

}  // namespace

std::unique_ptr<Stream> make_socket_stream(Socket socket) {
  return std::make_unique<SocketStream>(std::move(socket));
}

void BufferChain::consume(std::size_t bytes) {
  while (bytes > 0) {
    auto& first = buffers_[front_];
    const auto taken = std::min(bytes, first.size());
    first += taken;
    bytes -= taken;
    if (first.size() == 0) ++front_;
  }
}

void Input::consume(std::size_t count) {
  begin_ += count;
  if (begin_ == end_) begin_ = end_ = 0;
}

asio::mutable_buffer Input::prepare(std::size_t room) {
  if (bytes_.size() - end_ < room && begin_ > 0) {
    std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (bytes_.size() - end_ < room) bytes_.resize(std::max({bytes_.size() * 2, end_ + room, kSizeMin}));
  return {bytes_.data() + end_, bytes_.size() - end_};
}

void Input::shrink() {
  if (empty() && bytes_.size() > kSizeKept) bytes_ = {};
}

}  // namespace isa::net
