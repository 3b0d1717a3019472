// What the server does to streams whose readers are slow, silent or gone.
#include "net/server_probe.h"

namespace isa::net {
namespace {

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

}  // namespace
}  // namespace isa::net
