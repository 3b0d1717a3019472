// For tests of the server: handlers that wait, stream and fail as a test tells them, and what they report.
#pragma once

#include "net/server_test_support.h"

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

namespace isa::net {

using namespace std::chrono_literals;

#define EXPECT_HOLDS(text, part) EXPECT_NE((text).find(part), std::string::npos) << (text)

// Lets a test wait for something that a handler does.
class Event {
 public:
  explicit Event(asio::any_io_executor executor) : timer_(executor, asio::steady_timer::time_point::max()) {}
  void happen() {
    has_happened_ = true;
    timer_.cancel();
  }
  Task<void> wait() {
    while (!has_happened_) co_await timer_.async_wait(no_throw);
  }
  bool has_happened() const { return has_happened_; }

 private:
  asio::steady_timer timer_;
  bool has_happened_ = false;
};

// What handlers and test share. Lives on the test's loop.
struct Probe {
  explicit Probe(asio::any_io_executor executor) : began(executor), ended(executor), go(executor) {}
  Event began;
  Event ended;  // Also by cancellation.
  Event go;
  std::size_t written = 0;
  std::string error;
};

struct Ending {
  Probe& probe;
  ~Ending() { probe.ended.happen(); }
};

inline Task<Result<Response>> wait_for_go(Probe& probe) {
  const Ending ending{probe};
  probe.began.happen();
  co_await probe.go.wait();
  co_return Response::text(200, "text/plain", "went");
}

inline Task<void> be_silent(Probe& probe, BodyWriter& out) {
  const Ending ending{probe};
  co_await out.write("first\n");
  probe.began.happen();
  co_await probe.go.wait();
  co_await out.write("last\n");
}

inline Task<void> flood(Probe& probe, BodyWriter& out) {
  const Ending ending{probe};
  const auto frame = make_frame(std::string(64 << 10, 'x'));
  for (;;) {
    const std::vector<Frame> frames(4, frame);
    const auto result = co_await out.write(frames);
    if (!result) {
      probe.error = result.error().message();
      co_return;
    }
    probe.written += 4 * frame->size();
    probe.began.happen();
  }
}

inline Task<void> fail_halfway(BodyWriter& out) {
  co_await out.write("half");
  throw std::runtime_error("the source broke");
}

inline Task<Result<Response>> streaming(std::function<Task<void>(BodyWriter&)> stream) {
  co_return Response::sse(std::move(stream));
}

inline Route route(Method method, std::string pattern, Handler handler, RouteOptions options) {
  options.is_public = true;
  return {method, std::move(pattern), std::move(handler), options};
}

inline Router routes_of(Probe& probe) {
  Router router;
  router.add(public_route(Method::get, "/hello", say_hello));
  router.add(route(Method::post, "/echo", echo_body, {.body_max = 1000}));
  router.add(public_route(Method::get, "/wait", [&](Request&) { return wait_for_go(probe); }));
  router.add(route(Method::get, "/brief", [&](Request&) { return wait_for_go(probe); }, {.timeout = 50ms}));
  router.add(route(Method::get, "/caring", [&](Request&) { return wait_for_go(probe); },
                   {.cancel_on_disconnect = true}));
  router.add(
      route(Method::get, "/silent",
            [&](Request&) { return streaming([&](BodyWriter& out) { return be_silent(probe, out); }); },
            {.timeout = 50ms}));
  router.add(public_route(Method::get, "/flood", [&](Request&) {
    return streaming([&](BodyWriter& out) { return flood(probe, out); });
  }));
  router.add(public_route(Method::get, "/broken", [](Request&) { return streaming(fail_halfway); }));
  return router;
}

using Script = Task<void> (*)(Probe&, Server&, Endpoint);

inline Task<void> play_on(Script script, ServerLimits limits) {
  Probe probe(co_await asio::this_coro::executor);
  ServerOptions options;
  options.limits = limits;
  std::function<Task<void>(Server&, const Endpoint&)> test = [&](Server& server, const Endpoint& at) {
    return script(probe, server, at);
  };
  co_await with_server(routes_of(probe), std::move(options), std::move(test));
}

inline void play(Script script, ServerLimits limits = {}) {
  testing::run(play_on(script, limits));
}

inline const std::string kGet = " HTTP/1.1\r\nHost: localhost\r\n";

}  // namespace isa::net
