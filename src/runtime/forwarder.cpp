#include "runtime/forwarder.h"

#include "base/deadline.h"
#include "base/log.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/write.hpp>

#include <array>

namespace isa::runtime {
namespace {

using Tcp = asio::ip::tcp;
using Local = asio::local::stream_protocol;

constexpr std::size_t kConnectionsMax = 256;
constexpr std::size_t kBuffer = 16 << 10;  // Bytes; in each direction of a connection.

// Until the sender is done, which the receiver then learns by a half-closed connection. When either side
// breaks, both are closed: the other direction must not wait for a peer that is gone.
template <class From, class To>
Task<void> copy(From& from, To& to) {
  std::array<char, kBuffer> buffer;
  boost::system::error_code ignored;
  for (;;) {
    const auto space = asio::buffer(buffer);
    auto [read_failed, size] = co_await from.async_read_some(space, no_throw);
    if (read_failed == asio::error::eof) {
      to.shutdown(To::shutdown_send, ignored);
      co_return;
    }
    const auto data = asio::buffer(buffer.data(), size);
    boost::system::error_code failed = read_failed;
    if (!failed) failed = std::get<0>(co_await asio::async_write(to, data, no_throw));
    if (failed) {
      from.close(ignored);
      to.close(ignored);
      co_return;
    }
  }
}

}  // namespace

Forwarder::Forwarder(const asio::any_io_executor& executor, std::string broker_path)
    : broker_path_(std::move(broker_path)), tasks_(executor) {}

Result<std::uint16_t> Forwarder::listen(std::uint16_t port) {
  const Tcp::endpoint at(asio::ip::address_v4::loopback(), port);
  boost::system::error_code ec;
  Tcp::acceptor acceptor(tasks_.executor());
  acceptor.open(at.protocol(), ec);
  if (!ec) acceptor.set_option(Tcp::acceptor::reuse_address(true), ec);
  if (!ec) acceptor.bind(at, ec);
  if (!ec) acceptor.listen(asio::socket_base::max_listen_connections, ec);
  if (ec) {
    return service_unavailable(
        "127.0.0.1:{} cannot be listened on: {}; choose another with --model-port and --proxy-port", port,
        ec.message());
  }
  auto& listening = acceptors_.emplace_back(std::move(acceptor));
  tasks_.spawn("forwarder.accept", accept(listening));
  return listening.local_endpoint(ec).port();
}

Task<void> Forwarder::stop() {
  co_await tasks_.stop();
}

Task<void> Forwarder::accept(Tcp::acceptor& acceptor) {
  for (;;) {
    auto [ec, client] = co_await acceptor.async_accept(no_throw);
    if (ec == asio::error::operation_aborted) co_return;
    if (ec) {
      log::warn("forwarder.accept_failed", {{"detail", ec.message()}});
      co_await sleep_for(
          std::chrono::milliseconds(100));  // Out of descriptors, most likely: let some be closed.
    } else if (tasks_.size() <= kConnectionsMax) {
      tasks_.spawn("forwarder.connection", forward(std::move(client)));
    }
  }
}

Task<void> Forwarder::forward(Tcp::socket client) {
  using namespace asio::experimental::awaitable_operators;
  Local::socket broker(tasks_.executor());
  const Local::endpoint at(broker_path_);
  auto [ec] = co_await broker.async_connect(at, no_throw);
  if (ec) {
    log::warn("forwarder.no_broker", {{"detail", ec.message()}});
    co_return;
  }
  boost::system::error_code ignored;
  client.set_option(Tcp::no_delay(true), ignored);
  co_await (copy(client, broker) && copy(broker, client));
}

}  // namespace isa::runtime
