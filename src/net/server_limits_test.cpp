// What the server does to clients that are too big, too slow, too many, or gone.
#include "net/server_test_support.h"

#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

namespace isa::net {
namespace {

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

Task<Result<Response>> wait_for_go(Probe& probe) {
  const Ending ending{probe};
  probe.began.happen();
  co_await probe.go.wait();
  co_return Response::text(200, "text/plain", "went");
}

Task<void> be_silent(Probe& probe, BodyWriter& out) {
  const Ending ending{probe};
  co_await out.write("first\n");
  probe.began.happen();
  co_await probe.go.wait();
  co_await out.write("last\n");
}

Task<void> flood(Probe& probe, BodyWriter& out) {
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

Task<void> fail_halfway(BodyWriter& out) {
  co_await out.write("half");
  throw std::runtime_error("the source broke");
}

Task<Result<Response>> streaming(std::function<Task<void>(BodyWriter&)> stream) {
  co_return Response::sse(std::move(stream));
}

Route route(Method method, std::string pattern, Handler handler, RouteOptions options) {
  options.is_public = true;
  return {method, std::move(pattern), std::move(handler), options};
}

Router routes_of(Probe& probe) {
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

Task<void> play_on(Script script, ServerLimits limits) {
  Probe probe(co_await asio::this_coro::executor);
  ServerOptions options;
  options.limits = limits;
  std::function<Task<void>(Server&, const Endpoint&)> test = [&](Server& server, const Endpoint& at) {
    return script(probe, server, at);
  };
  co_await with_server(routes_of(probe), std::move(options), std::move(test));
}

void play(Script script, ServerLimits limits = {}) {
  testing::run(play_on(script, limits));
}

const std::string kGet = " HTTP/1.1\r\nHost: localhost\r\n";

Task<void> send_a_huge_head(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /hello" + kGet + "X-A: " + std::string(20'000, 'a') + "\r\n\r\n");
  const auto answer = co_await client->hear_all();
  EXPECT_HOLDS(answer, "HTTP/1.1 431 ");
  EXPECT_HOLDS(answer, R"("request_id":"req_)");
}
TEST(ServerLimits, AHeadThatIsTooLargeGets431) {
  play(send_a_huge_head);
}

Task<void> send_a_head_without_end(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /" + std::string(17 << 10, 'a'));
  const auto answer = co_await client->hear_all();
  EXPECT_HOLDS(answer, "HTTP/1.1 431 ");
}
TEST(ServerLimits, AHeadThatNeverEndsGets431) {
  play(send_a_head_without_end);
}

Task<void> send_half_a_head(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /hello HTT");
  const auto answer = co_await client->hear_all();
  EXPECT_HOLDS(answer, "HTTP/1.1 408 ");
}
TEST(ServerLimits, HalfARequestGets408) {
  play(send_half_a_head, {.header_timeout = 50ms});
}

Task<void> say_nothing(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  EXPECT_EQ(co_await client->hear_all(), "");
}
TEST(ServerLimits, AnIdleConnectionIsClosedWithoutAWord) {
  play(say_nothing, {.idle_timeout = 50ms});
}

Task<void> say_hello_then_nothing(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /hello" + kGet + "\r\n");
  const auto answer = co_await client->hear_all();
  EXPECT_TRUE(answer.ends_with("hello"));
}
TEST(ServerLimits, AConnectionThatStaysIdleAfterARequestIsClosed) {
  play(say_hello_then_nothing, {.idle_timeout = 50ms});
}

Task<void> announce_a_large_body(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("POST /echo" + kGet + "Content-Length: 1001\r\n\r\n");
  const auto answer = co_await client->hear_until("\"}");  // Not one byte of the body was sent.
  EXPECT_HOLDS(answer, "HTTP/1.1 413 ");
  EXPECT_HOLDS(answer, "Connection: close");
}
TEST(ServerLimits, ABodyThatIsTooLargeGets413BeforeItIsRead) {
  play(announce_a_large_body);
}

Task<void> wait_to_send_a_large_body(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("POST /echo" + kGet + "Content-Length: 1001\r\nExpect: 100-continue\r\n\r\n");
  const auto answer = co_await client->hear_all();
  EXPECT_TRUE(answer.starts_with("HTTP/1.1 413 ")) << "and no 100 Continue: " << answer;
}
TEST(ServerLimits, AClientThatWaitsForContinueIsToldNotTo) {
  play(wait_to_send_a_large_body);
}

Task<void> send_a_large_chunked_body(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("POST /echo" + kGet + "Transfer-Encoding: chunked\r\n\r\n");
  for (int i = 0; i < 3; ++i) co_await client->say("190\r\n" + std::string(400, 'x') + "\r\n");
  EXPECT_HOLDS(co_await client->hear_all(), "HTTP/1.1 413 ");
}
TEST(ServerLimits, AChunkedBodyThatGrowsTooLargeGets413) {
  play(send_a_large_chunked_body);
}

Task<void> send_a_body_of_the_limit(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("POST /echo" + kGet + "Connection: close\r\nContent-Length: 1000\r\n\r\n" +
                       std::string(1000, 'x'));
  EXPECT_HOLDS(co_await client->hear_all(), "HTTP/1.1 200 ");
}
TEST(ServerLimits, ABodyOfExactlyTheLimitIsTaken) {
  play(send_a_body_of_the_limit);
}

Task<void> send_half_a_body(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("POST /echo" + kGet + "Content-Length: 10\r\n\r\nhalf");
  EXPECT_HOLDS(co_await client->hear_all(), "HTTP/1.1 408 ");
}
TEST(ServerLimits, HalfABodyGets408) {
  play(send_half_a_body, {.body_timeout = 50ms});
}

Task<void> send_a_huge_body_to_nowhere(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("POST /nowhere" + kGet + "Content-Length: 1000000\r\n\r\n" +
                       std::string(1'000'000, 'x'));
  EXPECT_HOLDS(co_await client->hear_all(), "HTTP/1.1 404 ");
}
TEST(ServerLimits, AnAnswerBeforeTheBodyReachesAClientThatKeepsSending) {
  play(send_a_huge_body_to_nowhere);
}

Task<void> connect_once_too_often(Probe&, Server& server, Endpoint at) {
  auto first = co_await RawClient::connect(at);
  co_await first->say("GET /hello" + kGet + "\r\n");
  co_await first->hear_until("hello");
  EXPECT_EQ(server.connections(), 1U);
  auto second = co_await RawClient::connect(at);
  co_await second->say("GET /hello" + kGet + "\r\n");
  const auto answer = co_await second->hear_all();
  EXPECT_HOLDS(answer, "HTTP/1.1 503 ");
  EXPECT_HOLDS(answer, "too_many_connections");
  co_await first->say("GET /hello" + kGet + "\r\n");
  EXPECT_HOLDS(co_await first->hear_until("hello"), "200 OK") << "the first connection is not touched";
}
TEST(ServerLimits, AConnectionTooManyGets503) {
  play(connect_once_too_often, {.connections_max = 1});
}

Task<void> ask_for_what_takes_too_long(Probe& probe, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /brief" + kGet + "\r\n");
  const auto answer = co_await client->hear_until("\"}");
  EXPECT_HOLDS(answer, "HTTP/1.1 504 ");
  EXPECT_TRUE(probe.ended.has_happened()) << "the handler was cancelled";
  co_await client->say("\r\nGET /hello" + kGet + "\r\n");
  EXPECT_HOLDS(co_await client->hear_until("\r\n\r\nhello"), "200 OK") << "the connection lives on";
}
TEST(ServerLimits, AHandlerThatTakesTooLongIsCancelledAndGets504) {
  play(ask_for_what_takes_too_long);
}

Task<void> hear_a_stream_past_its_routes_timeout(Probe& probe, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /silent" + kGet + "\r\n");
  co_await client->hear_until("first\n\r\n");
  co_await sleep_until(
      Deadline::after(100ms));  // Twice the route's timeout: the time itself is what is tested.
  EXPECT_FALSE(probe.ended.has_happened());
  probe.go.happen();
  EXPECT_HOLDS(co_await client->hear_until("0\r\n\r\n"), "last\n");
  co_await client->say("GET /hello" + kGet + "\r\n");
  EXPECT_HOLDS(co_await client->hear_until("hello"), "200 OK") << "the connection lives on";
}
TEST(ServerStreams, AreNotBoundedByTheRoutesTimeout) {
  play(hear_a_stream_past_its_routes_timeout);
}

Task<void> leave_a_silent_stream(Probe& probe, Server& server, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /silent" + kGet + "\r\n");
  co_await client->hear_until("first\n");
  client->close();
  co_await probe.ended.wait();
  EXPECT_FALSE(probe.go.has_happened());
  EXPECT_LE(server.connections(), 1U);
}
TEST(ServerStreams, AreCancelledWhenTheReaderLeavesWhileTheyAreSilent) {
  play(leave_a_silent_stream);
}

Task<void> read_nothing_of_a_flood(Probe& probe, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /flood" + kGet + "\r\n");
  co_await probe.ended.wait();
  EXPECT_EQ(probe.error, "the reader took nothing for too long");
}
TEST(ServerStreams, DropAReaderThatTakesNothing) {
  play(read_nothing_of_a_flood, {.write_timeout = 100ms});
}

Task<void> read_a_flood_slowly(Probe& probe, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /flood" + kGet + "\r\n");
  std::vector<char> buffer(256 << 10);
  std::size_t heard = 0;
  // Longer than the write timeout in all, yet never that long without taking something.
  for (const auto until = Deadline::after(1500ms); !until.passed();) {
    heard += co_await client->socket().async_read_some(asio::buffer(buffer), use_task);
    co_await sleep_for(20ms);
  }
  EXPECT_FALSE(probe.ended.has_happened());
  EXPECT_LT(probe.written, heard + (16 << 20))
      << "the producer is no further ahead than the socket's buffers";
  client->close();
  co_await probe.ended.wait();
}
TEST(ServerStreams, WaitForAReaderThatIsSlow) {
  play(read_a_flood_slowly, {.write_timeout = 1s});
}

Task<void> hear_a_broken_stream(Probe&, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /broken" + kGet + "\r\n");
  const auto answer = co_await client->hear_all();
  EXPECT_HOLDS(answer, "half");
  EXPECT_FALSE(answer.ends_with("0\r\n\r\n")) << "a stream that failed must not look complete";
}
TEST(ServerStreams, ThatFailAreCutOffWithoutTheLastChunk) {
  play(hear_a_broken_stream);
}

Task<void> hear_a_stream_by_http_1_0(Probe& probe, Server&, Endpoint at) {
  probe.go.happen();
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /silent HTTP/1.0\r\n\r\n");
  const auto answer = co_await client->hear_all();
  EXPECT_TRUE(answer.ends_with("\r\n\r\nfirst\nlast\n")) << answer;
}
TEST(ServerStreams, EndWithTheConnectionForHttp10) {
  play(hear_a_stream_by_http_1_0);
}

Task<void> pipeline_behind_a_stream(Probe& probe, Server&, Endpoint at) {
  probe.go.happen();
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /silent" + kGet + "\r\nGET /hello" + kGet + "\r\n");
  co_await client->hear_until("0\r\n\r\n");
  EXPECT_HOLDS(co_await client->hear_until("\r\n\r\nhello"), "200 OK");
}
TEST(ServerStreams, LeaveTheNextRequestAlone) {
  play(pipeline_behind_a_stream);
}

Task<void> ask_during_a_stream(Probe& probe, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /silent" + kGet + "\r\n");
  co_await client->hear_until("first\n\r\n");
  co_await client->say("GET /hello" + kGet + "\r\n");
  co_await client->say("GET /hello" + kGet + "\r\n");
  probe.go.happen();
  co_await client->hear_until("0\r\n\r\n");
  EXPECT_HOLDS(co_await client->hear_until("\r\n\r\nhello"), "200 OK");
  EXPECT_HOLDS(co_await client->hear_until("\r\n\r\nhello"), "200 OK");
}
TEST(ServerStreams, KeepARequestThatArrivesMeanwhile) {
  play(ask_during_a_stream);
}

Task<void> leave_a_caring_handler(Probe& probe, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /caring" + kGet + "\r\n");
  co_await probe.began.wait();
  client->close();
  co_await probe.ended.wait();
  EXPECT_FALSE(probe.go.has_happened());
}
TEST(ServerDisconnect, CancelsAHandlerThatAskedForIt) {
  play(leave_a_caring_handler);
}

Task<void> stay_with_a_caring_handler(Probe& probe, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  for (int i = 0; i < 3; ++i) {
    co_await client->say("GET /caring" + kGet + "\r\n");
    co_await probe.began.wait();
    probe.go.happen();
    EXPECT_HOLDS(co_await client->hear_until("went"), "200 OK");
  }
}
TEST(ServerDisconnect, IsWatchedForWithoutHarmToAConnectionThatStays) {
  play(stay_with_a_caring_handler);
}

Task<void> leave_an_ordinary_handler(Probe& probe, Server&, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /wait" + kGet + "\r\n");
  co_await probe.began.wait();
  client->close();
  // Another exchange on the same loop: the server has had its chance to notice.
  auto other = co_await RawClient::connect(at);
  co_await other->say("GET /hello" + kGet + "\r\n");
  co_await other->hear_until("hello");
  EXPECT_FALSE(probe.ended.has_happened());
  probe.go.happen();
  co_await probe.ended.wait();
}
TEST(ServerDisconnect, LetsAnOrdinaryHandlerFinish) {
  play(leave_an_ordinary_handler);
}

Task<void> stop_while_a_request_runs(Probe& probe, Server& server, Endpoint at) {
  auto idle = co_await RawClient::connect(at);
  co_await idle->say("GET /hello" + kGet + "\r\n");
  co_await idle->hear_until("hello");
  auto busy = co_await RawClient::connect(at);
  co_await busy->say("GET /wait" + kGet + "\r\n");
  co_await probe.began.wait();
  TaskGroup tasks(co_await asio::this_coro::executor);
  tasks.spawn("stop", server.stop());
  EXPECT_EQ(co_await idle->hear_all(), "") << "a connection without a request is closed at once";
  probe.go.happen();
  const auto answer = co_await busy->hear_all();
  EXPECT_HOLDS(answer, "200 OK");
  EXPECT_HOLDS(answer, "Connection: close");
  co_await tasks.join();
  EXPECT_EQ(server.connections(), 0U);
}
TEST(ServerStop, LetsARunningRequestFinish) {
  play(stop_while_a_request_runs);
}

Task<void> stop_while_a_request_hangs(Probe& probe, Server& server, Endpoint at) {
  auto client = co_await RawClient::connect(at);
  co_await client->say("GET /wait" + kGet + "\r\n");
  co_await probe.began.wait();
  co_await server.stop();
  EXPECT_TRUE(probe.ended.has_happened());
  EXPECT_EQ(server.connections(), 0U);
  co_await server.stop();
}
TEST(ServerStop, CancelsWhatDoesNotFinishInTime) {
  play(stop_while_a_request_hangs, {.drain_timeout = 50ms});
}

}  // namespace
}  // namespace isa::net
