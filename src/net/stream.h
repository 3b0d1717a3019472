// A byte stream with its transport erased: TCP, Unix socket and TLS look the same from here up, so that the
// HTTP machinery is compiled once (docs/decisions/0002-beast-behind-our-own-types.md).
#pragma once

#include "base/async.h"
#include "base/deadline.h"
#include "base/result.h"

#include <boost/asio/buffer.hpp>
#include <boost/asio/generic/stream_protocol.hpp>

#include <memory>
#include <span>
#include <string>
#include <tuple>
#include <vector>

namespace isa::net {

using Socket = asio::generic::stream_protocol::socket;
using ErrorCode = boost::system::error_code;
using IoResult = std::tuple<ErrorCode, std::size_t>;

// One read and one write may be under way at once. All of it on one event loop.
class Stream {
 public:
  virtual ~Stream() = default;

  virtual Task<IoResult> read_some(asio::mutable_buffer into) = 0;
  // Takes a part of the buffers, waiting until there is room for any.
  virtual Task<IoResult> write_some(std::span<const asio::const_buffer> buffers) = 0;
  // What waits returns with operation_aborted; the stream stays usable.
  virtual void cancel() noexcept = 0;
  // Says that no more will be written; reading goes on.
  virtual void shutdown_send() noexcept = 0;
  virtual void close() noexcept = 0;
  // Of a connection at rest: the peer closed it, or said something that nobody asked for.
  virtual bool is_stale() noexcept = 0;
  virtual asio::any_io_executor executor() = 0;
};

std::unique_ptr<Stream> make_socket_stream(Socket socket);

// Everything that several buffers hold, front to back. The memory is the caller's.
class BufferChain {
 public:
  void add(std::string_view bytes) {
    if (!bytes.empty()) buffers_.emplace_back(bytes.data(), bytes.size());
  }
  bool empty() const { return front_ == buffers_.size(); }
  void clear() {
    buffers_.clear();
    front_ = 0;
  }
  // The next buffers, no more than one system call takes.
  std::span<const asio::const_buffer> head() const {
    return std::span(buffers_).subspan(front_, std::min<std::size_t>(buffers_.size() - front_, 64));
  }
  void consume(std::size_t bytes);

 private:
  std::vector<asio::const_buffer> buffers_;
  std::size_t front_ = 0;
};

// What a server keeps of a client's bytes that it has not parsed yet, and the other way round.
class Input {
 public:
  std::string_view data() const { return {bytes_.data() + begin_, end_ - begin_}; }
  bool empty() const { return begin_ == end_; }
  void consume(std::size_t count);
  // Where the next bytes go: room for at least `room` of them.
  asio::mutable_buffer prepare(std::size_t room);
  void commit(std::size_t count) { end_ += count; }
  // Gives back what a large body made it grow by.
  void shrink();

 private:
  std::vector<char> bytes_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

// Makes TLS of a connected socket; net/tls/ implements both. They must outlive every stream made.
class TlsConnector {
 public:
  virtual ~TlsConnector() = default;
  // Verifies that the peer is `host`. service_unavailable when the handshake fails.
  virtual Task<Result<std::unique_ptr<Stream>>> connect(Socket socket, std::string host) = 0;
};
class TlsAcceptor {
 public:
  virtual ~TlsAcceptor() = default;
  virtual Task<Result<std::unique_ptr<Stream>>> accept(Socket socket) = 0;
};

}  // namespace isa::net
