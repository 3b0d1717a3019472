// For tests: a client that says exactly the bytes that it is told to.
#pragma once

#include "net/endpoint.h"
#include "net/stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <array>
#include <memory>

namespace isa::net {

class RawClient {
 public:
  static Task<std::unique_ptr<RawClient>> connect(Endpoint to) {
    auto client = std::make_unique<RawClient>(co_await asio::this_coro::executor);
    co_await client->open(std::move(to));
    co_return client;
  }

  explicit RawClient(asio::any_io_executor executor) : socket_(executor) {}

  Task<void> say(std::string text) {
    for (std::string_view rest = text; !rest.empty();) {
      const auto count = co_await socket_.async_write_some(asio::buffer(rest), use_task);
      rest.remove_prefix(count);
    }
  }
  // Everything up to and with the first `end`; what follows stays for the next call. Shorter when the peer
  // closes.
  Task<std::string> hear_until(std::string end) {
    for (;;) {
      const auto at = heard_.find(end);
      if (at != std::string::npos) {
        auto found = heard_.substr(0, at + end.size());
        heard_.erase(0, at + end.size());
        co_return found;
      }
      if (!co_await hear_some()) co_return std::exchange(heard_, {});
    }
  }
  // Everything up to the end of the connection.
  Task<std::string> hear_all() {
    while (co_await hear_some()) {
    }
    co_return std::exchange(heard_, {});
  }
  void close() { socket_.close(); }
  Socket& socket() { return socket_; }

 protected:
  Task<void> open(Endpoint to) {
    if (to.is_unix()) {
      co_await socket_.async_connect(asio::local::stream_protocol::endpoint(to.unix_path), use_task);
    } else {
      const asio::ip::tcp::endpoint address(asio::ip::make_address(to.host), to.port);
      co_await socket_.async_connect(address, use_task);
    }
  }

 private:
  Task<bool> hear_some() {
    std::array<char, 4096> buffer;
    const auto [ec, count] = co_await socket_.async_read_some(asio::buffer(buffer), no_throw);
    heard_.append(buffer.data(), count);
    co_return !ec;
  }

  Socket socket_;
  std::string heard_;
};

}  // namespace isa::net
