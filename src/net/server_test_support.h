// For tests of net/: a server on the test's own loop, and a client that says exactly the bytes that it is
// told to.
#pragma once

#include "base/testing.h"
#include "net/client.h"
#include "net/server.h"
#include "net/stream.h"

#include <boost/asio/ip/tcp.hpp>

namespace isa::net {

class RawClient {
 public:
  static Task<std::unique_ptr<RawClient>> connect(Endpoint to) {
    auto client = std::make_unique<RawClient>(co_await asio::this_coro::executor);
    const asio::ip::tcp::endpoint address(asio::ip::make_address(to.host), to.port);
    co_await client->socket_.async_connect(address, use_task);
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
  asio::ip::tcp::socket& socket() { return socket_; }

 private:
  Task<bool> hear_some() {
    std::array<char, 4096> buffer;
    const auto [ec, count] = co_await socket_.async_read_some(asio::buffer(buffer), no_throw);
    heard_.append(buffer.data(), count);
    co_return !ec;
  }

  asio::ip::tcp::socket socket_;
  std::string heard_;
};

inline Route public_route(Method method, std::string pattern, Handler handler) {
  Route route{method, std::move(pattern), std::move(handler), {}};
  route.options.is_public = true;
  return route;
}

inline Task<Result<Response>> say_hello(Request&) {
  co_return Response::text(200, "text/plain", "hello");
}

inline Task<Result<Response>> echo_body(Request& request) {
  co_return Response::text(200, "text/plain", request.body);
}

// Serves `router` on a free port of this machine while `test` runs, then stops.
inline Task<void> with_server(Router router, ServerOptions options,
                              std::function<Task<void>(Server&, const Endpoint&)> test) {
  if (options.name.empty()) options.name = "test";
  Server server(co_await asio::this_coro::executor, std::move(router), std::move(options));
  const auto endpoint = server.listen(Endpoint::tcp("127.0.0.1", 0));
  if (!endpoint) throw std::runtime_error(endpoint.error().message());
  std::exception_ptr failure;
  try {
    co_await test(server, *endpoint);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await server.stop();
  if (failure) std::rethrow_exception(failure);
}

// No test waits longer than this for anything.
inline Deadline soon() {
  return Deadline::after(std::chrono::seconds(20));
}

}  // namespace isa::net
