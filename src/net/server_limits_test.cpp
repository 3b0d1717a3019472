// What the server does to clients that are too big, too slow, or too many.
#include "net/server_probe.h"

namespace isa::net {
namespace {

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

}  // namespace
}  // namespace isa::net
