// For tests of net/: a server on the test's own loop.
#pragma once

#include "base/testing.h"
#include "net/client.h"
#include "net/raw_client.h"
#include "net/server.h"

namespace isa::net {

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
