#include "net/client_connection.h"

#include "net/listener.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

namespace isa::net {
namespace {

Error cannot_connect(const Peer& to, const ErrorCode& why) {
  return service_unavailable("cannot connect to {}: {}", to.shown(), why.message())
      .with_detail(to.detail(why.message()));
}

Task<Result<Socket>> connect_unix(Peer to) {
  if (to.at.unix_path.size() > 107)
    co_return validation_error("cannot connect to {}: the path of a Unix socket has at most 107 bytes",
                               to.shown())
        .with_detail(to.at.unix_path);
  Socket socket(co_await asio::this_coro::executor);
  const asio::local::stream_protocol::endpoint address(to.at.unix_path);
  const auto [ec] = co_await socket.async_connect(address, no_throw);
  if (ec) co_return cannot_connect(to, ec);
  co_return socket;
}

// The system's resolver cannot be interrupted: whoever gives up on it leaves it this, and goes.
struct Lookup {
  explicit Lookup(const asio::any_io_executor& executor)
      : resolver(executor), done(executor, asio::steady_timer::time_point::max()) {}
  asio::ip::tcp::resolver resolver;
  asio::steady_timer done;
  std::vector<asio::ip::tcp::endpoint> addresses;
  ErrorCode error;
};

// An address as it stands needs no resolver, which costs a thread's round trip.
Task<Result<std::vector<asio::ip::tcp::endpoint>>> addresses_of(Peer to) {
  std::vector<asio::ip::tcp::endpoint> addresses;
  ErrorCode parse_error;
  const auto literal = asio::ip::make_address(to.at.host, parse_error);
  if (!parse_error) {
    addresses.emplace_back(literal, to.at.port);
    co_return addresses;
  }
  auto lookup = std::make_shared<Lookup>(co_await asio::this_coro::executor);
  lookup->resolver.async_resolve(to.at.host, std::to_string(to.at.port),
                                 [lookup](const ErrorCode& ec, const auto& found) {
                                   lookup->error = ec;
                                   for (const auto& entry : found)
                                     lookup->addresses.push_back(entry.endpoint());
                                   lookup->done.cancel();
                                 });
  co_await lookup->done.async_wait(no_throw);
  if (lookup->error) co_return cannot_connect(to, lookup->error);
  addresses = lookup->addresses;
  co_return addresses;
}

Task<Result<Socket>> connect_tcp(Peer to) {
  ISA_CO_TRY(const auto addresses, co_await addresses_of(to));
  ErrorCode last = asio::error::host_not_found;
  for (const auto& address : addresses) {
    Socket socket(co_await asio::this_coro::executor);
    const auto [ec] = co_await socket.async_connect(address, no_throw);
    if (!ec) {
      set_no_delay(socket);
      co_return socket;
    }
    last = ec;
  }
  co_return cannot_connect(to, last);
}

Task<Result<std::unique_ptr<Connection>>> connect_within(Peer to, TlsConnector* tls) {
  auto socket = to.at.is_unix() ? co_await connect_unix(to) : co_await connect_tcp(to);
  if (!socket) co_return std::move(socket).error();
  std::unique_ptr<Stream> stream;
  if (to.at.tls) {
    if (tls == nullptr)
      co_return failed_dependency("cannot reach {} by TLS: this program was built without it", to.shown())
          .with_detail(to.detail("no TLS"));
    auto secured = co_await tls->connect(std::move(*socket), to.at.host);
    if (!secured)
      co_return service_unavailable("the TLS handshake with {} failed: {}", to.shown(),
                                    secured.error().detail())
          .with_detail(to.detail(secured.error().detail()));
    stream = *std::move(secured);
  } else {
    stream = make_socket_stream(std::move(*socket));
  }
  co_return std::make_unique<Connection>(std::move(stream));
}

}  // namespace

Task<Result<std::unique_ptr<Connection>>> connect_to(Peer to, TlsConnector* tls, Deadline deadline) {
  auto message = fmt::format("connecting to {} took too long", to.shown());
  auto task = connect_within(std::move(to), tls);
  co_return co_await with_deadline(deadline, std::move(task), std::move(message));
}

Task<bool> Connection::receive() {
  const auto buffer = input.prepare(8 << 10);
  const auto [ec, count] = co_await stream->read_some(buffer);
  input.commit(count);
  has_ended = ec == asio::error::eof;
  co_return !ec && !is_expired;
}

Task<bool> Connection::send_all(BufferChain& chain) {
  while (!chain.empty()) {
    const auto [ec, count] = co_await stream->write_some(chain.head());
    if (ec) co_return false;
    chain.consume(count);
  }
  co_return true;
}

std::unique_ptr<Connection> ConnectionPool::take(const Endpoint& to) {
  const auto found = idle_.find(to);
  if (found == idle_.end()) return nullptr;
  auto& stack = found->second;
  const auto oldest = Clock::now() - idle_timeout_;
  while (!stack.empty()) {
    auto idle = std::move(stack.back());
    stack.pop_back();
    if (idle.since >= oldest && !idle.connection->stream->is_stale()) return std::move(idle.connection);
  }
  return nullptr;
}

void ConnectionPool::give_back(const Endpoint& to, std::unique_ptr<Connection> connection) {
  auto& stack = idle_[to];
  if (per_endpoint_ == 0) return;
  if (stack.size() >= per_endpoint_) stack.erase(stack.begin());
  connection->watchdog.rest();
  auto executor = connection->stream->executor();
  stack.push_back({std::move(connection), Clock::now()});
  if (!sweeper_) sweep_later(std::move(executor));
}

void ConnectionPool::sweep_later(asio::any_io_executor executor) {
  sweeper_ = std::make_unique<asio::steady_timer>(executor, idle_timeout_);
  sweeper_->async_wait([weak = weak_from_this()](const ErrorCode& ec) {
    if (const auto self = weak.lock(); self && !ec) self->sweep();
  });
}

void ConnectionPool::sweep() {
  const auto oldest = Clock::now() - idle_timeout_;
  std::optional<asio::any_io_executor> executor;
  for (auto it = idle_.begin(); it != idle_.end();) {
    std::erase_if(it->second, [&](const Idle& idle) { return idle.since <= oldest; });
    if (!it->second.empty()) executor = it->second.back().connection->stream->executor();
    it = it->second.empty() ? idle_.erase(it) : std::next(it);
  }
  sweeper_.reset();
  if (executor) sweep_later(std::move(*executor));
}

}  // namespace isa::net
