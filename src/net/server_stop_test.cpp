// What becomes of a handler whose client leaves, or whose server stops.
#include "net/server_probe.h"

namespace isa::net {
namespace {

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
